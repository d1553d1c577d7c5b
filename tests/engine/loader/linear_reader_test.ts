import assert from "node:assert/strict";
import {
  openModelDirectory,
  planWeights,
  readBias,
  readLinear,
  readRowBlocks,
} from "../../../engine/loader/mod.ts";

Deno.test("a fused matrix is its parts' rows, one after the other", async () => {
  using model = await openModelDirectory("tests/fixtures/models/qwen2");
  const { qkv } = planWeights(model.config, model.tensors).layers[1];
  const expected: number[] = [];
  for (const { name } of qkv.weight) expected.push(...await model.read(name));
  const fused = new Float32Array(qkv.rows * qkv.cols);
  const options = { target: "f32", maxBytes: 1000 } as const;
  for await (const { offsetElements, data } of readLinear(model, qkv, options)) {
    fused.set(data, offsetElements);
  }
  assert.deepEqual([...fused], expected);
});

Deno.test("any range of a fused matrix's rows is that part of the whole", async () => {
  using model = await openModelDirectory("tests/fixtures/models/llama");
  const { gateUp } = planWeights(model.config, model.tensors).layers[0];
  const read = async (begin: number, end: number) => {
    const values = new Uint16Array((end - begin) * gateUp.cols);
    const options = { target: "f16", maxBytes: 512, rows: { begin, end } } as const;
    for await (const { offsetElements, data } of readLinear(model, gateUp, options)) {
      values.set(data, offsetElements);
    }
    return values;
  };
  const whole = await read(0, gateUp.rows);
  // Parts meet at row 96.
  for (const [begin, end] of [[0, 0], [0, 96], [96, 192], [95, 97], [10, 180], [191, 192]]) {
    const expected = whole.slice(begin * gateUp.cols, end * gateUp.cols);
    assert.deepEqual(await read(begin, end), expected, `rows ${begin} to ${end}`);
  }
  await assert.rejects(read(0, 193), /rows 0 to 193 of a matrix of 192/);
});

Deno.test("blocks of whole rows are the matrix, however small the pieces", async () => {
  using model = await openModelDirectory("tests/fixtures/models/qwen2");
  // Parts of 64, 32 and 32 rows of 64 columns.
  const { qkv } = planWeights(model.config, model.tensors).layers[1];
  const whole = new Float32Array(qkv.rows * qkv.cols);
  for await (const { offsetElements, data } of readLinear(model, qkv, { target: "f32" })) {
    whole.set(data, offsetElements);
  }
  for (const maxBytes of [16, 1000, 5000, 1 << 20]) {
    for (const rows of [{ begin: 0, end: 128 }, { begin: 10, end: 121 }]) {
      const values: number[] = [];
      const counts: number[] = [];
      for await (const block of readRowBlocks(model, qkv, { multiple: 4, rows, maxBytes })) {
        assert.equal(block.firstRow * 64, values.length);
        counts.push(block.values.length / 64);
        values.push(...block.values);
      }
      const expected = whole.subarray(rows.begin * 64, rows.end * 64);
      assert.deepEqual(values, [...expected], `${maxBytes} bytes`);
      assert.ok(counts.slice(0, -1).every((count) => count % 4 === 0), `${counts}`);
      assert.ok(counts.every((count) => count <= Math.max(4, maxBytes / 256)), `${counts}`);
    }
  }
});

Deno.test("biases are stacked like their matrices, and null where there are none", async () => {
  using qwen2 = await openModelDirectory("tests/fixtures/models/qwen2");
  const [layer] = planWeights(qwen2.config, qwen2.tensors).layers;
  const bias = await readBias(qwen2, layer.qkv);
  assert.equal(bias?.length, 128);
  const k = await qwen2.read("model.layers.0.self_attn.k_proj.bias");
  assert.deepEqual(bias?.slice(64, 96), k);
  assert.equal(await readBias(qwen2, layer.down), null);
});
