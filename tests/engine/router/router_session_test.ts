import assert from "node:assert/strict";
import { RouterSession } from "../../../engine/router/mod.ts";

const FIXTURE = new URL("../../fixtures/router/", import.meta.url);

// onnxruntime's loader opens one message port for the life of the process: it opens before the tests.
await openOnce();

Deno.test("onnxruntime on our device agrees with PyTorch for mixed lengths, over several opens", async () => {
  const data = await Deno.readFile(new URL("router.onnx", FIXTURE));
  const expected = JSON.parse(await Deno.readTextFile(new URL("expected.json", FIXTURE)));
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice({ requiredFeatures: ["subgroups"] });
  const rows = expected.input_ids.length, sequence = expected.input_ids[0].length;
  const inputIds = upload(device, expected.input_ids.flat());
  const attentionMask = upload(device, expected.attention_mask.flat());
  for (let round = 0; round < 3; round++) {
    const session = await RouterSession.open(device, data);
    const output = await session.run({ inputIds, attentionMask }, { rows, sequence });
    close(await download(device, output.logits, rows * 40), expected.logits.flat());
    close(await download(device, output.features!, rows * 48), expected.features.flat());
    output.dispose();
    assert.equal(await subgroupSum(device), 64);
    await session.close();
  }
  inputIds.destroy();
  attentionMask.destroy();
  device.destroy();
});

function upload(device: GPUDevice, values: number[]): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: values.length * 4, usage });
  device.queue.writeBuffer(buffer, 0, new Int32Array(values));
  return buffer;
}

async function download(device: GPUDevice, source: GPUBuffer, count: number) {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: count * 4, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, 0, staging, 0, count * 4);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}

function close(actual: Float32Array, expected: number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]) <= 1e-5, `${i}: ${value}, not ${expected[i]}`);
  }
}

async function openOnce(): Promise<void> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const data = await Deno.readFile(new URL("router.onnx", FIXTURE));
  const session = await RouterSession.open(device, data);
  await session.close();
  device.destroy();
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
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const buffer = upload(device, [0]);
  const entries = [{ binding: 0, resource: { buffer } }];
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const [total] = new Uint32Array((await download(device, buffer, 1)).buffer);
  buffer.destroy();
  return total;
}
