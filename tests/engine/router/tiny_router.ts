import { RouterSession } from "../../../engine/router/mod.ts";
import { FLOAT, INT32, type ModelOutline, onnxFile } from "./onnx_writer.ts";

/** Metadata of a router with the given number of classes that is as documented. */
export function metadataOf(classes: number): Record<string, string> {
  return {
    "weft.format": "router/1",
    "weft.labels": JSON.stringify(Array.from({ length: classes }, (_, i) => `task-${i}`)),
    "weft.tokenizer": "0".repeat(64),
    "weft.version": "tiny",
    "weft.temperature": "1",
    "weft.min_confidence": "0",
    "weft.top_p": "0.9",
    "weft.max_tokens": "64",
  };
}

/**
 * A router of three classes whose logits are the mean over the tokens of `3 · id + class`, the ids
 * being 0 to 7. What is to be different goes into `change`.
 */
export function tinyRouter(
  change: (model: ModelOutline) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const keepdims = { keepdims: 0 };
  const model: ModelOutline = {
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["tokens"] },
      { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: FLOAT } },
      { op: "Unsqueeze", inputs: ["mask", "last"], outputs: ["weight"] },
      { op: "Mul", inputs: ["tokens", "weight"], outputs: ["seen"] },
      { op: "ReduceSum", inputs: ["seen", "middle"], outputs: ["sum"], attributes: keepdims },
      { op: "ReduceSum", inputs: ["weight", "middle"], outputs: ["count"], attributes: keepdims },
      { op: "Div", inputs: ["sum", "count"], outputs: ["logits"] },
    ],
    constants: {
      table: { dims: [8, 3], values: Array.from({ length: 24 }, (_, i) => i) },
      last: { dims: [1], values: [2n] },
      middle: { dims: [1], values: [1n] },
    },
    inputs: {
      input_ids: { type: INT32, shape: ["batch", "sequence"] },
      attention_mask: { type: INT32, shape: ["batch", "sequence"] },
    },
    outputs: { logits: { type: FLOAT, shape: ["batch", 3] } },
    metadata: metadataOf(3),
  };
  change(model);
  return onnxFile(model);
}

/** Puts `nodes`, which make "logits" of "mean", behind a tiny router's own. */
export function append(model: ModelOutline, ...nodes: ModelOutline["nodes"]): void {
  model.nodes.find(({ op }) => op === "Div")!.outputs = ["mean"];
  model.nodes.push(...nodes);
}

/**
 * onnxruntime's loader opens a message port for the life of the process: call this before the tests
 * of a file, whose sanitizers would take it for a leak.
 */
export async function openOnce(): Promise<void> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  const session = await RouterSession.open(device, tinyRouter());
  await session.close();
  device.destroy();
}
