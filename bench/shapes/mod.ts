import { rm } from "node:fs/promises";
import { startEngine } from "../../engine/mod.ts";
import { runBatch } from "../demo/throughput.ts";
import { type Figure, format, percentiles } from "../measure.ts";
import { type DeviceLimits, measureLimits } from "./limits.ts";
import { writeRandomModel } from "./random_model.ts";
import { type Shape, shapes } from "./shapes.ts";

const ROUNDS = 3;
const DIRECTORY = ".weft/bench/shapes";

/** What is worth the wait on a kind of device. */
interface Series {
  batches: readonly number[];
  prefills: readonly number[];
  answerTokens: number;
}
const ON_GPU: Series = {
  batches: [1, 2, 4, 8, 16, 32, 64],
  prefills: [128, 512, 2048],
  answerTokens: 64,
};
const ON_CPU: Series = { batches: [1, 8], prefills: [128], answerTokens: 8 };

/**
 * Random weights in the shapes of real models, against what the device can do at best.
 *
 * @param choice Names of shapes between commas; all, or the smallest on a software driver, if missing.
 */
export async function benchShapes(choice?: string): Promise<Figure[]> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("No WebGPU adapter: run `deno task setup`");
  const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize },
  });
  const limits = await measureLimits(device);
  device.destroy();
  const figures: Figure[] = [
    { what: "adapter", value: adapter.info.description || adapter.info.vendor },
    { what: "copy, read and written", value: format(limits.streamBytes / 1e9, "GB/s") },
    { what: "multiply-add in f32", value: format(limits.fmaFlops / 1e12, "TFLOP/s") },
  ];
  const slow = adapter.info.isFallbackAdapter;
  const series = slow ? ON_CPU : ON_GPU;
  for (const shape of chosen(slow ? shapes({ layers: 4 }).slice(0, 1) : shapes(), choice)) {
    for (const figure of await benchShape(shape, { limits, series })) {
      figures.push({ ...figure, what: `${shape.name}: ${figure.what}` });
      console.error(`${shape.name}: ${figure.what}: ${figure.value}`);
    }
  }
  return figures;
}

function chosen(all: Shape[], choice: string | undefined): Shape[] {
  if (choice === undefined) return all;
  return choice.split(",").map((name) => {
    const shape = all.find((shape) => shape.name === name);
    if (shape) return shape;
    throw new Error(`No shape is called "${name}"; there is ${all.map(({ name }) => name)}`);
  });
}

async function benchShape(
  shape: Shape,
  { limits, series }: { limits: DeviceLimits; series: Series },
): Promise<Figure[]> {
  const directory = `${DIRECTORY}/${shape.name.replaceAll(/[^\w.-]+/g, "_")}`;
  const fileBytes = await writeRandomModel(directory, shape);
  const loading = performance.now();
  const engine = await startEngine({
    modelDirectory: directory,
    dtype: "f16",
    maxModelLen: 4096,
    maxBatch: 64,
    loadAdapter: () => Promise.reject(new Error("this bench has no adapters")),
  });
  const figures: Figure[] = [{
    what: `${format(fileBytes / 1e9, "GB")} of weights loaded`,
    value: format((performance.now() - loading) / 1000, "s"),
  }];
  // The embedding is looked up, unless the head is tied to it: then it is read as the head.
  const config = shape.config as Record<string, number>;
  const embedding = config.tie_word_embeddings ? 0 : 2 * config.vocab_size * config.hidden_size;
  const streamed = fileBytes - embedding;
  try {
    let salt = 0;
    for (const batch of series.batches) {
      const rates: number[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const { rate } = await runBatch(engine, {
          batch,
          mixture: () => [],
          salt: salt += 1009,
          answerTokens: series.answerTokens,
        });
        if (round > 0) rates.push(rate);
      }
      const rate = percentiles(rates).p50;
      const share = streamed * (rate / batch) / (limits.streamBytes);
      figures.push({
        what: `decode, batch ${batch}`,
        value: `${format(rate, "tokens/s")}, step ${format(1000 * batch / rate, "ms")}, ` +
          `${format(100 * share, "%")} of the copy's bytes`,
      });
    }
    for (const promptTokens of series.prefills) {
      const firsts: number[] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const mixture = () => [];
        const { first } = await runBatch(engine, {
          batch: 1,
          mixture,
          salt: salt += 1009,
          promptTokens,
          answerTokens: 1,
        });
        if (round > 0) firsts.push(first);
      }
      const first = percentiles(firsts).p50;
      const flops = streamed * promptTokens;
      figures.push({
        what: `first token of ${promptTokens}`,
        value: `${format(first, "ms")}, ${
          format(100 * flops / (first / 1000) / limits.fmaFlops, "%")
        } of the multiply-adds`,
      });
    }
  } finally {
    await engine.close();
    await rm(directory, { recursive: true });
  }
  return figures;
}
