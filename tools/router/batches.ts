import type { Embedding } from "./embedding.ts";
import type { Mlp, MlpReading } from "./mlp.ts";

/** Readings of all rows, in order: logits f32 `[rows, classes]`, features f32 `[rows, hidden]`. */
export async function readAll(
  texts: readonly Int32Array[],
  { embedding, mlp }: { embedding: Embedding; mlp: Mlp },
): Promise<MlpReading> {
  const { batch, inputs, classes, hidden } = mlp.shape;
  const logits = new Float32Array(texts.length * classes);
  const features = new Float32Array(texts.length * hidden);
  for (let start = 0; start < texts.length; start += batch) {
    const rows = texts.slice(start, start + batch);
    const pooled = new Float32Array(batch * inputs);
    rows.forEach((text, i) => embedding.pool(text, pooled, i * inputs));
    const reading = await mlp.read(pooled);
    logits.set(reading.logits.subarray(0, rows.length * classes), start * classes);
    features.set(reading.features.subarray(0, rows.length * hidden), start * hidden);
  }
  return { logits, features };
}
