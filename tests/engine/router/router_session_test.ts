import assert from "node:assert/strict";
import { RouterSession } from "../../../engine/router/mod.ts";
import { assertClose, download, openDevice, submitShader, upload } from "./gpu_arrays.ts";
import type { Constant } from "./onnx_writer.ts";
import { openOnce, tinyRouter } from "./tiny_router.ts";

const FIXTURE = new URL("../../fixtures/router/", import.meta.url);
const DATA = await Deno.readFile(new URL("router.onnx", FIXTURE));
const EXPECTED = JSON.parse(await Deno.readTextFile(new URL("expected.json", FIXTURE)));
const HEAPS = watchHeaps();
await openOnce();

Deno.test("a router agrees with PyTorch for rows of all lengths, beside subgroup kernels of ours", async () => {
  const { device, complaints } = await openDevice();
  const rows = EXPECTED.input_ids.length, sequence = EXPECTED.input_ids[0].length;
  const inputIds = upload(device, EXPECTED.input_ids.flat());
  const attentionMask = upload(device, EXPECTED.attention_mask.flat());
  for (let round = 0; round < 3; round++) {
    const session = await RouterSession.open(device, DATA);
    const output = await session.run({ inputIds, attentionMask }, { rows, sequence });
    assertClose(await download(device, output.logits, rows * 40), EXPECTED.logits.flat(), 1e-5);
    assertClose(
      await download(device, output.features!, rows * 48),
      EXPECTED.features.flat(),
      1e-5,
    );
    output.dispose();
    assert.equal(await subgroupSum(device), 64);
    await session.close();
  }
  assert.deepEqual(complaints, []);
  device.destroy();
});

Deno.test("our kernel, the router and our next kernel run in order with one read-back at the end", async () => {
  const { device, complaints } = await openDevice();
  const session = await RouterSession.open(device, tinyRouter());
  const [rows, sequence] = [5, 16];
  const ids = upload(device, Array(rows * sequence).fill(0));
  const mask = upload(device, Array(rows * sequence).fill(0));
  const doubled = upload(device, Array(rows * 3).fill(0));
  const maps = countMaps();
  // Row r sees r + 1 tokens, all of id r.
  const write = (id: string) => `
    @group(0) @binding(0) var<storage, read_write> ids: array<i32>;
    @group(0) @binding(1) var<storage, read_write> mask: array<i32>;
    @compute @workgroup_size(${sequence})
    fn main(@builtin(workgroup_id) row: vec3u, @builtin(local_invocation_id) at: vec3u) {
      let i = row.x * ${sequence}u + at.x;
      ids[i] = i32(${id});
      mask[i] = select(0, 1, at.x <= row.x);
    }`;
  submitShader(device, write("row.x"), { buffers: [ids, mask], groups: rows });
  const output = await session.run({ inputIds: ids, attentionMask: mask }, { rows, sequence });
  submitShader(device, write("7u"), { buffers: [ids, mask], groups: rows });
  const double = `
    @group(0) @binding(0) var<storage, read_write> logits: array<f32>;
    @group(0) @binding(1) var<storage, read_write> doubled: array<f32>;
    @compute @workgroup_size(${rows * 3})
    fn main(@builtin(local_invocation_index) i: u32) { doubled[i] = 2.0 * logits[i]; }`;
  submitShader(device, double, { buffers: [output.logits, doubled] });
  output.dispose();
  const result = await download(device, doubled, rows * 3);
  assert.equal(maps(), 1);
  assertClose(result, Array.from({ length: rows * 3 }, (_, i) => 2 * i), 1e-5);
  assert.deepEqual(complaints, []);
  await session.close();
  device.destroy();
});

Deno.test("sessions run side by side, while another opens, and to the end when closed meanwhile", async () => {
  const { device, complaints } = await openDevice();
  const [tens, ones] = await Promise.all([
    RouterSession.open(device, tinyRouter((model) => scaleTable(model.constants.table, 10))),
    RouterSession.open(device, tinyRouter()),
  ]);
  const input = {
    inputIds: upload(device, [1, 2, 3, 4]),
    attentionMask: upload(device, [1, 1, 1, 1]),
  };
  const shape = { rows: 2, sequence: 2 };
  const [first, second, opened, third] = await Promise.all([
    tens.run(input, shape),
    ones.run(input, shape),
    RouterSession.open(device, DATA),
    tens.run(input, shape),
  ]);
  const mean = [4.5, 5.5, 6.5, 10.5, 11.5, 12.5];
  assertClose(await download(device, first.logits, 6), mean.map((x) => 10 * x), 1e-4);
  assertClose(await download(device, second.logits, 6), mean, 1e-5);
  assertClose(await download(device, third.logits, 6), mean.map((x) => 10 * x), 1e-4);
  const underWay = ones.run(input, shape);
  const closing = ones.close();
  await assert.rejects(ones.run(input, shape), { code: "unavailable", reason: "router_closed" });
  (await underWay).dispose();
  await closing;
  const after = await tens.run(input, shape);
  assertClose(await download(device, after.logits, 6), mean.map((x) => 10 * x), 1e-4);
  await Promise.all([tens.close(), opened.close(), tens.close()]);
  after.dispose();
  assert.deepEqual(complaints, []);
  device.destroy();
});

Deno.test("a row without tokens and NaN weights give NaN in their own rows only", async () => {
  const { device } = await openDevice();
  const session = await RouterSession.open(
    device,
    tinyRouter((model) => (model.constants.table.values as number[])[9] = NaN),
  );
  const inputIds = upload(device, [1, 1, 2, 2, 3, 3, 0, 0]);
  const attentionMask = upload(device, [1, 1, 0, 0, 1, 1, 0, 0]);
  const output = await session.run({ inputIds, attentionMask }, { rows: 3, sequence: 2 });
  const logits = await download(device, output.logits, 9);
  assert.deepEqual([...logits], [3, 4, 5, NaN, NaN, NaN, NaN, 10, 11]);
  await session.close();
  device.destroy();
});

Deno.test("shapes and buffers that don't fit are refused before onnxruntime sees them", async () => {
  const { device } = await openDevice();
  const session = await RouterSession.open(device, tinyRouter());
  const input = {
    inputIds: upload(device, [1, 2, 3, 4]),
    attentionMask: upload(device, [1, 1, 0, 0]),
  };
  for (const [rows, sequence] of [[0, 1], [1, 0], [1, 65], [1.5, 1], [5, 1], [NaN, 1]]) {
    await assert.rejects(session.run(input, { rows, sequence }), { code: "internal" });
  }
  const shape = { rows: 1, sequence: 2 };
  const plain = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  await assert.rejects(session.run({ ...input, inputIds: plain }, shape), /STORAGE and COPY_SRC/);
  const short = { ...input, attentionMask: upload(device, [1, 1]) };
  await assert.rejects(session.run(short, shape), /of 8 bytes .* whole vec4s/);
  (await session.run(input, shape)).dispose();
  await session.close();
  device.destroy();
});

Deno.test("on a lost device a router says so and closes", async () => {
  const { device } = await openDevice();
  const session = await RouterSession.open(device, tinyRouter());
  const input = {
    inputIds: upload(device, [1, 2, 3, 4]),
    attentionMask: upload(device, [1, 1, 1, 1]),
  };
  device.destroy();
  await device.lost;
  await assert.rejects(session.run(input, { rows: 1, sequence: 2 }), { code: "device_lost" });
  await assert.rejects(RouterSession.open(device, tinyRouter()), { code: "device_lost" });
  await session.close();
});

Deno.test("neither opening nor running grows the GPU's buffers or onnxruntime's heap", async () => {
  const { device, complaints } = await openDevice();
  const input = {
    inputIds: upload(device, Array(256).fill(1)),
    attentionMask: upload(device, Array(256).fill(1)),
  };
  const open = async () => {
    const session = await RouterSession.open(device, tinyRouter());
    (await session.run(input, { rows: 4, sequence: 64 })).dispose();
    return session;
  };
  await (await open()).close();
  const buffers = countBuffers();
  const heap = HEAPS();
  for (let round = 0; round < 10; round++) await (await open()).close();
  assert.equal(buffers(), 0);
  const session = await open();
  const open1 = buffers();
  for (let round = 0; round < 200; round++) {
    (await session.run(input, { rows: 4, sequence: 64 })).dispose();
  }
  assert.equal(buffers(), open1);
  await session.close();
  assert.equal(buffers(), 0);
  assert.equal(HEAPS(), heap);
  assert.deepEqual(complaints, []);
  device.destroy();
});

function scaleTable(table: Constant, factor: number): void {
  table.values = (table.values as number[]).map((value) => factor * value);
}

/** 64 invocations count themselves with a subgroup operation. */
async function subgroupSum(device: GPUDevice): Promise<number> {
  // Neither `enable subgroups;` nor `subgroupElect` passes Deno's compiler (docs/PLATFORM.md).
  const code = `
    @group(0) @binding(0) var<storage, read_write> total: atomic<u32>;
    @compute @workgroup_size(64)
    fn main(@builtin(subgroup_invocation_id) lane: u32) {
      let sum = subgroupAdd(1u);
      if (lane == 0u) { atomicAdd(&total, sum); }
    }`;
  const total = upload(device, [0]);
  submitShader(device, code, { buffers: [total] });
  const [count] = new Uint32Array((await download(device, total, 1)).buffer);
  total.destroy();
  return count;
}

/** Counts the reads from the GPU from here to the call of what it returns. */
function countMaps(): () => number {
  const map = GPUBuffer.prototype.mapAsync;
  let count = 0;
  GPUBuffer.prototype.mapAsync = function (...args) {
    count++;
    return map.apply(this, args);
  };
  return () => {
    GPUBuffer.prototype.mapAsync = map;
    return count;
  };
}

/** Counts the buffers made and not destroyed since. */
function countBuffers(): () => number {
  const live = new Set<GPUBuffer>();
  const { createBuffer } = GPUDevice.prototype, { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    live.add(buffer);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    live.delete(this);
    destroy.call(this);
  };
  return () => live.size;
}

/** The bytes of all WebAssembly memories made from here on. */
function watchHeaps(): () => number {
  const memories: WebAssembly.Memory[] = [];
  WebAssembly.Memory = class extends WebAssembly.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
  return () => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}
