import { quote, refused } from "./refusal.ts";

/**
 * What a router says of one text: its features (of length 1), and how sure its own classes are.
 * Logits are divided by the temperature here.
 */
export interface RouterReading {
  features: Float32Array;
  /** The largest logit. */
  top: number;
  /** The logarithm of the sum over the classes of exp(logit). */
  total: number;
}

/** A reading of a training example. */
export interface Reference extends RouterReading {
  /** The router's class it belongs to. */
  classIndex: number;
}

const MAX_REFERENCES = 16_384;
/** Of a reference besides its features: u16 class, f32 top, f32 total. */
const HEAD_BYTES = 10;

/** How many references a class gets: 32, or fewer so that the metadata stays below its bound. */
export function referencesPerClass(classes: number, features: number): number {
  const room = 3_000_000 / (HEAD_BYTES + 2 * features) / classes;
  return Math.max(1, Math.min(32, Math.floor(room)));
}

/** The reading of a row of logits. */
export function readingOf(
  features: Float32Array,
  logits: Float32Array,
  temperature: number,
): RouterReading {
  let top = -Infinity;
  for (const logit of logits) top = Math.max(top, logit / temperature);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit / temperature - top);
  return { features, top, total: top + Math.log(sum) };
}

/** The text of `weft.references`: JSON with the numbers, features as f16, in base64. */
export function encodeReferences(references: readonly Reference[]): string {
  const features = references[0]?.features.length ?? 0;
  const bytes = HEAD_BYTES + 2 * features;
  const view = new DataView(new ArrayBuffer(references.length * bytes));
  references.forEach((reference, i) => {
    const at = i * bytes;
    view.setUint16(at, reference.classIndex, true);
    view.setFloat32(at + 2, reference.top, true);
    view.setFloat32(at + 6, reference.total, true);
    reference.features.forEach((value, j) =>
      view.setFloat16(at + HEAD_BYTES + 2 * j, value, true)
    );
  });
  const data = new Uint8Array(view.buffer).toBase64();
  return JSON.stringify({ count: references.length, features, data });
}

/** @throws WeftError `bad_adapter`, reason `bad_router`, when it is not what `encodeReferences` makes */
export function decodeReferences(
  text: string,
  { classes, features }: { classes: number; features: number },
): Reference[] {
  const { count, data } = parse(text, features);
  const bytes = HEAD_BYTES + 2 * features;
  if (data.length !== count * bytes) {
    throw bad(`${data.length} bytes for ${count} references of ${bytes}`);
  }
  const view = new DataView(data.buffer);
  return Array.from({ length: count }, (_, i) => {
    const at = i * bytes;
    const reference = {
      classIndex: view.getUint16(at, true),
      top: view.getFloat32(at + 2, true),
      total: view.getFloat32(at + 6, true),
      features: Float32Array.from(
        { length: features },
        (_, j) => view.getFloat16(at + HEAD_BYTES + 2 * j, true),
      ),
    };
    const why = problemOf(reference, classes);
    if (why) throw bad(`reference ${i} ${why}`);
    return reference;
  });
}

function parse(text: string, expected: number): { count: number; data: Uint8Array<ArrayBuffer> } {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(`no JSON: ${quote(text)}`);
  }
  const { count, features, data } = value ?? {};
  if (!Number.isInteger(count) || count < 0 || count > MAX_REFERENCES) {
    throw bad(`"count" is ${quote(String(count))}; 0 to ${MAX_REFERENCES} are allowed`);
  }
  if (features !== expected) {
    throw bad(`"features" is ${quote(String(features))}, but the router has ${expected}`);
  }
  if (typeof data !== "string") throw bad('"data" is no text');
  try {
    return { count, data: Uint8Array.fromBase64(data) };
  } catch {
    throw bad(`"data" is no base64: ${quote(data)}`);
  }
}

function problemOf({ classIndex, top, total, features }: Reference, classes: number) {
  if (classIndex >= classes) return `has class ${classIndex} of ${classes}`;
  if (!Number.isFinite(top) || !Number.isFinite(total)) return "has logits that are no numbers";
  if (total < top - 1e-3 || total > top + Math.log(classes) + 1e-3) {
    return `has logits that can't be: top ${top}, total ${total}`;
  }
  const length = Math.sqrt(features.reduce((sum, value) => sum + value * value, 0));
  return Math.abs(length - 1) < 0.02 ? null : `has features of length ${length}, not 1`;
}

function bad(why: string): Error {
  return refused(`weft.references doesn't fit: ${why}`);
}
