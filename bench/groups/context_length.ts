import type { Engine } from "../../engine/core/engine.ts";
import type { BenchContext } from "../context.ts";
import { runBatch } from "../engine/batch.ts";
import { openEngine } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { SeriesGroup } from "../series.ts";
import { shapeDirectory } from "../shapes/shape_files.ts";
import { type Shape, shapes, SMALL_SHAPE } from "../shapes/shapes.ts";

const CONTEXTS = [1024, 4096, 16384];
const QUICK_CONTEXTS = [1024];
/** The same prompt in each round: the prefix cache has it, and only the first computes it. */
const SALT = 7;

/** What a long context costs a step: one row at 1k, 4k and 16k tokens. */
export function contextGroup(context: BenchContext): SeriesGroup {
  const { isSoftware, isQuick } = context;
  const shape: Shape = isSoftware
    ? SMALL_SHAPE
    : shapes().find(({ name }) => name === "Qwen2-1.5B")!;
  const contexts = isQuick && isSoftware ? QUICK_CONTEXTS : CONTEXTS;
  const answerTokens = isSoftware ? 33 : 128;
  const opened = new Shared(() => open(shape), (engine) => engine.close());
  return {
    name: `context/${shape.name}`,
    title: `Long contexts, ${shape.name}, one row`,
    series: contexts.map((promptTokens) => {
      const run = { batch: 1, promptTokens, answerTokens, salt: SALT };
      return {
        name: `decode/context=${promptTokens}`,
        unit: "tokens/s",
        prepare: async () => void await runBatch(await opened.get(), run),
        round: async () => (await runBatch(await opened.get(), run)).rate,
      };
    }),
    ratios: contexts.slice(1).map((tokens) => ({
      name: `decode at ${tokens} of that at ${CONTEXTS[0]}`,
      over: `decode/context=${tokens}`,
      under: `decode/context=${CONTEXTS[0]}`,
    })),
    skipped: CONTEXTS.filter((tokens) => !contexts.includes(tokens)).map((tokens) => ({
      name: `decode/context=${tokens}`,
      why: "--quick on a software driver",
    })),
    close: () => opened.close(),
  };
}

async function open(shape: Shape): Promise<Engine> {
  return await openEngine({
    modelDirectory: await shapeDirectory(shape),
    maxBatch: 1,
    maxModelLen: Math.max(...CONTEXTS) + 256,
  });
}
