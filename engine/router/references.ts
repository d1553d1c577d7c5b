import { quote, refused } from "./refusal.ts";

/** Features of a known text, f32 of length 1, and the class of the router it belongs to. */
export interface Reference {
  features: Float32Array;
  classIndex: number;
}

/**
 * What `weft.references` holds: known texts' features, and the layer that makes logits of features,
 * so that what the router thinks of them can be told from the features alone.
 */
export interface RouterReferences {
  references: Reference[];
  /** f32 `[features, classes]` */
  weights: Float32Array;
  /** f32 `[classes]` */
  biases: Float32Array;
}

const MAX_REFERENCES = 16_384;
const MAX_CLASSES = 512;

/** How many references a class gets: 32, or fewer so that the metadata stays below its bound. */
export function referencesPerClass(classes: number, features: number): number {
  const room = 3_000_000 / (2 + 2 * features) / classes;
  return Math.max(1, Math.min(32, Math.floor(room)));
}

/**
 * The text of `weft.references`: JSON with the sizes, and base64 of little-endian numbers: u16
 * classes, then f16 features, weights and biases.
 */
export function encodeReferences({ references, weights, biases }: RouterReferences): string {
  const count = references.length;
  const features = weights.length / biases.length;
  const values = [...references.map((reference) => reference.features), weights, biases];
  const size = values.reduce((sum, { length }) => sum + length, count);
  const view = new DataView(new ArrayBuffer(2 * size));
  references.forEach(({ classIndex }, i) => view.setUint16(2 * i, classIndex, true));
  let at = 2 * count;
  for (const list of values) {
    for (const value of list) {
      view.setFloat16(at, value, true);
      at += 2;
    }
  }
  const data = new Uint8Array(view.buffer).toBase64();
  return JSON.stringify({ count, features, classes: biases.length, data });
}

/** @throws WeftError `bad_adapter`, reason `bad_router`, when it is not what `encodeReferences` makes */
export function decodeReferences(
  text: string,
  expected: { features: number; classes?: number },
): RouterReferences {
  const { count, features, classes, bytes } = parse(text, expected);
  const size = count + (count + classes) * features + classes;
  if (bytes.length !== 2 * size) {
    throw bad(`it has ${bytes.length} bytes of data, not ${2 * size}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let at = 2 * count;
  const take = (length: number): Float32Array => {
    const values = Float32Array.from({ length }, (_, i) => view.getFloat16(at + 2 * i, true));
    at += 2 * length;
    if (!values.every(Number.isFinite)) throw bad("it holds what is no number");
    return values;
  };
  const references = Array.from({ length: count }, (_, i): Reference => {
    const classIndex = view.getUint16(2 * i, true);
    if (classIndex >= classes) throw bad(`reference ${i} has class ${classIndex} of ${classes}`);
    const values = take(features);
    const length = Math.hypot(...values);
    if (Math.abs(length - 1) > 0.02) {
      throw bad(`reference ${i} has features of length ${length.toFixed(3)}, not 1`);
    }
    return { features: values, classIndex };
  });
  return { references, weights: take(features * classes), biases: take(classes) };
}

function parse(text: string, expected: { features: number; classes?: number }) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(`it is no JSON: ${quote(text)}`);
  }
  const { count, features, classes, data } = value ?? {};
  checkSize("count", count, MAX_REFERENCES);
  checkSize("classes", classes, MAX_CLASSES);
  if (features !== expected.features) {
    throw bad(`"features" is ${quote(String(features))}; the router has ${expected.features}`);
  }
  if (classes !== (expected.classes ?? classes)) {
    throw bad(`"classes" is ${classes}; the router has ${expected.classes}`);
  }
  if (typeof data !== "string") throw bad('"data" is no text');
  try {
    const bytes = Uint8Array.fromBase64(data);
    return { count, features, classes, bytes };
  } catch {
    throw bad(`"data" is no base64: ${quote(data)}`);
  }
}

function checkSize(name: string, value: unknown, most: number): void {
  if (Number.isInteger(value) && value as number >= 1 && value as number <= most) return;
  throw bad(`"${name}" is ${quote(String(value))}; 1 to ${most} are allowed`);
}

function bad(why: string): Error {
  return refused(`weft.references doesn't fit: ${why}`);
}
