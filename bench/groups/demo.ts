import type { BenchContext } from "../context.ts";
import { DEMO } from "../demo_model.ts";
import { runBatch } from "../engine/batch.ts";
import { openEngine } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { SeriesGroup } from "../series.ts";
import { decodeBatches, decodePlan } from "./decode_plan.ts";

/** With its answer's token within the model's 2,048. */
const PREFILLS = [128, 512, 1024, 2040];
const QUICK_PREFILLS = [128, 512];

/** The demo pack: tokens a second by batch, and by the prompt's length. */
export function demoGroup(context: BenchContext): SeriesGroup {
  const engine = new Shared(
    () => openEngine({ modelDirectory: DEMO, maxBatch: 64 }),
    (engine) => engine.close(),
  );
  const { batches, skipped } = decodeBatches(context);
  const prefills = context.isQuick && context.isSoftware ? QUICK_PREFILLS : PREFILLS;
  return {
    name: "demo",
    title: "The demo pack (5M parameters)",
    series: [
      ...batches.map((batch) => ({
        name: `decode/batch=${batch}`,
        unit: "tokens/s",
        round: async () =>
          (await runBatch(await engine.get(), { batch, ...decodePlan(context) })).rate,
      })),
      ...prefills.map((promptTokens) => ({
        name: `prefill/tokens=${promptTokens}`,
        unit: "tokens/s",
        round: async () => {
          const run = { batch: 1, promptTokens, answerTokens: 1 };
          return 1000 * promptTokens / (await runBatch(await engine.get(), run)).first;
        },
      })),
    ],
    ratios: [8, 32].filter((batch) => batches.includes(batch)).map((batch) => ({
      name: `decode, throughput of ${batch} rows over 1`,
      over: `decode/batch=${batch}`,
      under: "decode/batch=1",
    })),
    skipped: [
      ...skipped,
      ...PREFILLS.filter((tokens) => !prefills.includes(tokens)).map((tokens) => ({
        name: `prefill/tokens=${tokens}`,
        why: "--quick on a software driver",
      })),
    ],
    close: () => engine.close(),
  };
}
