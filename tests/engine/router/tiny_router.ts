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
 * A router of three classes whose logits are the mean of its tokens' rows in an 8 × 3 table. Change
 * what is to be wrong with it in `change`.
 */
export function tinyRouter(
  change: (model: ModelOutline) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const model: ModelOutline = {
    nodes: [
      { op: "Gather", inputs: ["table", "input_ids"], outputs: ["tokens"] },
      { op: "Cast", inputs: ["attention_mask"], outputs: ["mask"], attributes: { to: FLOAT } },
      { op: "Unsqueeze", inputs: ["mask", "last"], outputs: ["weight"] },
      { op: "Mul", inputs: ["tokens", "weight"], outputs: ["seen"] },
      {
        op: "ReduceSum",
        inputs: ["seen", "middle"],
        outputs: ["sum"],
        attributes: { keepdims: 0 },
      },
      {
        op: "ReduceSum",
        inputs: ["weight", "middle"],
        outputs: ["count"],
        attributes: { keepdims: 0 },
      },
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
