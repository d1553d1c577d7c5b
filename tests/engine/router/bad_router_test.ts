import assert from "node:assert/strict";
import { RouterSession } from "../../../engine/router/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { assertClose, download, openDevice, upload } from "./gpu_arrays.ts";
import { FLOAT, type ModelOutline } from "./onnx_writer.ts";
import { append, openOnce, tinyRouter } from "./tiny_router.ts";

await openOnce();

/** Graphs that pass Weft's own checks and fail in onnxruntime, or only when run. */
const BAD: Record<string, [change: (model: ModelOutline) => void, why: RegExp]> = {
  "an operator without its inputs": [
    (model) => model.nodes[6].inputs.pop(),
    /onnxruntime refused it: .*Div.* input size 1/,
  ],
  "an axis that isn't there": [
    (model) => model.constants.middle.values = [77n],
    /onnxruntime refused it: .*axis must be in/,
  ],
  "an opset nobody knows": [
    (model) => model.opset = 999,
    /onnxruntime refused it: .*opset/i,
  ],
  "another number of classes than declared": [
    (model) => model.constants.table = { dims: [8, 4], values: Array(32).fill(1) },
    /an output is float32 \[1, 4\], not float32 \[1, 3\]/,
  ],
  "another number of rows than its input": [
    (model) => append(model, concatWithItself("mean", "logits")),
    /an output is float32 \[2, 3\], not float32 \[1, 3\]/,
  ],
  "a shape past all memory": [expandTo(1_000_000n, 1_000_000n), /shape is too large/],
  "a shape that no GPU can hold": [expandTo(1n << 20n, 1n << 15n), /a run of it fails: /],
  "an operator whose types have no GPU kernel": [
    (model) => {
      model.constants.zero = { dims: [1], values: [0n] };
      append(
        model,
        { op: "Cast", inputs: ["mean"], outputs: ["whole"], attributes: { to: 7 } },
        { op: "Equal", inputs: ["whole", "zero"], outputs: ["isZero"] },
        { op: "Cast", inputs: ["isZero"], outputs: ["logits"], attributes: { to: FLOAT } },
      );
    },
    /waits for values from the GPU midway/,
  ],
};

Deno.test("bad routers are refused with the reason, and an open one goes on as before", async (t) => {
  const { device, complaints } = await openDevice();
  const session = await RouterSession.open(device, tinyRouter());
  const input = {
    inputIds: upload(device, [1, 2, 3, 4]),
    attentionMask: upload(device, [1, 1, 1, 0]),
  };
  for (const [name, [change, why]] of Object.entries(BAD)) {
    await t.step(name, async () => {
      const bad = RouterSession.open(device, tinyRouter(change));
      const output = await session.run(input, { rows: 2, sequence: 2 });
      await assert.rejects(bad, (error: unknown) => {
        assert.ok(error instanceof WeftError);
        assert.deepEqual([error.code, error.reason], ["bad_adapter", "bad_router"]);
        assert.match(error.message, why);
        assert.doesNotMatch(error.message, /\.cc:/);
        return true;
      });
      const logits = await download(device, output.logits, 6);
      assertClose(logits, [4.5, 5.5, 6.5, 9, 10, 11], 1e-5);
      output.dispose();
    });
  }
  assert.deepEqual(complaints, []);
  await session.close();
  device.destroy();
});

Deno.test("mutated router files open or are refused, and never spoil the next", async () => {
  const { device, complaints } = await openDevice();
  const data = tinyRouter();
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 150; round++) {
    const mutant = data.slice();
    for (let i = 0; i < 2; i++) mutant[random(mutant.length)] = random(256);
    try {
      await (await RouterSession.open(device, mutant)).close();
    } catch (error) {
      assert.ok(error instanceof WeftError, String(error));
      assert.equal(error.reason, "bad_router", error.message);
    }
  }
  await (await RouterSession.open(device, data)).close();
  assert.deepEqual(complaints, []);
  device.destroy();
});

function concatWithItself(from: string, to: string) {
  return { op: "Concat", inputs: [from, from], outputs: [to], attributes: { axis: 0 } };
}

/** Blows up one value to `rows` × `columns` and sums it up again. */
function expandTo(rows: bigint, columns: bigint): (model: ModelOutline) => void {
  return (model) => {
    model.constants.size = { dims: [2], values: [rows, columns] };
    const all = { keepdims: 1 };
    append(
      model,
      { op: "ReduceMax", inputs: ["mean"], outputs: ["one"], attributes: all },
      { op: "Expand", inputs: ["one", "size"], outputs: ["many"] },
      { op: "ReduceMax", inputs: ["many"], outputs: ["most"], attributes: all },
      { op: "Add", inputs: ["mean", "most"], outputs: ["logits"] },
    );
  };
}
