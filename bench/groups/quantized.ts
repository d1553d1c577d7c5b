import type { Quantize } from "../../engine/core/engine.ts";
import type { BenchContext } from "../context.ts";
import { runBatch } from "../engine/batch.ts";
import { openUntuned } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { SeriesGroup } from "../series.ts";
import { shapeDirectory } from "../shapes/shape_files.ts";
import type { Shape } from "../shapes/shapes.ts";

const FORMATS: readonly Quantize[] = ["none", "int8", "int4"];
const BATCHES = [1, 8];

/**
 * Decoding with quantised weights beside f16: the same shape on three engines, none of them tuned, as the part
 * `tune` knows f16 only.
 */
export function quantizedGroup({ isSoftware }: BenchContext, shape: Shape): SeriesGroup {
  const engines = FORMATS.map((quantize) => ({
    quantize,
    engine: new Shared(
      async () =>
        await openUntuned({
          modelDirectory: await shapeDirectory(shape),
          quantize,
          maxModelLen: 512,
          maxBatch: Math.max(...BATCHES),
        }),
      (engine) => engine.close(),
    ),
  }));
  const run = isSoftware
    ? { promptTokens: 16, answerTokens: 9 }
    : { promptTokens: 64, answerTokens: 128 };
  return {
    name: `quantized/${shape.name}`,
    title: `Quantised weights, ${shape.name}`,
    series: BATCHES.flatMap((batch) =>
      engines.map(({ quantize, engine }) => ({
        name: `decode/batch=${batch}/${quantize}`,
        unit: "tokens/s",
        round: async () => (await runBatch(await engine.get(), { batch, ...run })).rate,
      }))
    ),
    ratios: BATCHES.flatMap((batch) =>
      FORMATS.slice(1).map((quantize) => ({
        name: `decode, batch ${batch}, ${quantize} over f16`,
        over: `decode/batch=${batch}/${quantize}`,
        under: `decode/batch=${batch}/none`,
      }))
    ),
    close: async () => {
      for (const { engine } of engines) await engine.close();
    },
  };
}
