import { WeftError } from "../../engine/core/errors.ts";
import { paddedLength, RouterSession } from "../../engine/router/mod.ts";
import type { MlpReading } from "./mlp.ts";

const MOST_ROWS = 64;

/** Logits and features (empty without that output) of all texts, in order, from the GPU. */
export async function runRouter(
  data: Uint8Array<ArrayBuffer>,
  texts: readonly Uint32Array[],
): Promise<MlpReading> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new WeftError("unavailable", "Cannot run a router: WebGPU finds no adapter");
  const device = await adapter.requestDevice();
  try {
    const session = await RouterSession.open(device, data);
    const reading = await runAll(session, device, texts);
    await session.close();
    return reading;
  } finally {
    device.destroy();
  }
}

async function runAll(
  session: RouterSession,
  device: GPUDevice,
  texts: readonly Uint32Array[],
): Promise<MlpReading> {
  const { labels, maxTokens } = session.file;
  const [classes, size] = [labels.length, session.file.features ?? 0];
  const logits = new Float32Array(texts.length * classes);
  const features = new Float32Array(texts.length * size);
  // Texts of like length are padded to one length.
  const byLength = Map.groupBy(texts.keys(), (i) => paddedLength(texts[i].length, maxTokens));
  for (const [sequence, indices] of byLength) {
    for (let start = 0; start < indices.length; start += MOST_ROWS) {
      const chosen = indices.slice(start, start + MOST_ROWS);
      const input = upload(device, chosen.map((i) => texts[i]), sequence);
      const output = await session.run(input, { rows: chosen.length, sequence });
      const parts = [
        { from: output.logits, to: logits, width: classes },
        ...(output.features ? [{ from: output.features, to: features, width: size }] : []),
      ];
      for (const { from, to, width } of parts) {
        const values = await download(device, from, chosen.length * width);
        chosen.forEach((i, row) =>
          to.set(values.subarray(row * width, (row + 1) * width), i * width)
        );
      }
      output.dispose();
      input.inputIds.destroy();
      input.attentionMask.destroy();
    }
  }
  return { logits, features };
}

function upload(device: GPUDevice, texts: readonly Uint32Array[], sequence: number) {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const size = 16 * Math.ceil(texts.length * sequence / 4);
  const [ids, mask] = [new Int32Array(size / 4), new Int32Array(size / 4)];
  texts.forEach((tokens, row) => {
    ids.set(tokens, row * sequence);
    mask.fill(1, row * sequence, row * sequence + tokens.length);
  });
  const [inputIds, attentionMask] = [ids, mask].map((values) => {
    const buffer = device.createBuffer({ label: "router input", size, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return buffer;
  });
  return { inputIds, attentionMask };
}

async function download(device: GPUDevice, source: GPUBuffer, count: number) {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: 4 * count, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, 0, staging, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}
