import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Engine } from "../../engine/core/engine.ts";
import type { BenchContext } from "../context.ts";
import { DEMO } from "../demo_model.ts";
import { runBatch } from "../engine/batch.ts";
import { type BenchEngineOptions, openUntuned, TUNING_FILE } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { SeriesGroup } from "../series.ts";
import { shapeDirectory } from "../shapes/shape_files.ts";
import type { Shape } from "../shapes/shapes.ts";
import { decodePlan } from "./decode_plan.ts";

const BATCHES = [1, 8];
const PREFILL = 512;
const VARIANTS = ["default", "tuned"] as const;

interface Opened {
  engine: Engine;
  /** From the last weights' arrival to ready. */
  seconds: number;
}

/**
 * Measures the kernels' variants on this device, keeps what it finds for the other parts, and compares an
 * engine that uses it with one that doesn't. Null: the demo pack.
 */
export function tuneGroup(context: BenchContext, shape: Shape | null): SeriesGroup {
  const { isSoftware, isQuick, isPartial } = context;
  const name = `tune/${shape?.name ?? "demo"}`;
  const title = `Tuning, ${shape?.name ?? "demo pack"}`;
  if (!isPartial && (isSoftware || isQuick)) {
    const why = `${
      isQuick ? "--quick" : "a software driver"
    }; \`deno task bench tune\` measures it`;
    return { name, title, series: [], skipped: [{ name: "all", why }] };
  }
  const engines = {
    default: new Shared(() => open(shape), close),
    tuned: new Shared(() => open(shape, { file: TUNING_FILE, measure: true }), close),
  };
  const works = [
    ...BATCHES.map((batch) => ({
      name: `decode/batch=${batch}`,
      rate: async (engine: Engine) =>
        (await runBatch(engine, { batch, ...decodeRun(context, shape) })).rate,
    })),
    {
      name: `prefill/tokens=${PREFILL}`,
      rate: async (engine: Engine) => {
        const run = { batch: 1, promptTokens: PREFILL, answerTokens: 1 };
        return 1000 * PREFILL / (await runBatch(engine, run)).first;
      },
    },
  ];
  return {
    name,
    title,
    series: [
      {
        name: "start",
        unit: "s",
        rounds: 1,
        // In this order: what both compile, the second may find in a cache of the driver's.
        prepare: async () => {
          for (const variant of VARIANTS) await engines[variant].get();
        },
        round: async () => ({
          default: (await engines.default.get()).seconds,
          measuring: (await engines.tuned.get()).seconds,
        }),
      },
      ...works.flatMap(({ name, rate }) =>
        VARIANTS.map((variant) => ({
          name: `${name}/${variant}`,
          unit: "tokens/s",
          round: async () => await rate((await engines[variant].get()).engine),
        }))
      ),
    ],
    ratios: works.map(({ name }) => ({
      name: `${name}, tuned over default`,
      over: `${name}/tuned`,
      under: `${name}/default`,
    })),
    close: async () => {
      for (const variant of VARIANTS) await engines[variant].close();
    },
  };
}

/** A shape's step takes long on a software driver. */
function decodeRun(
  context: BenchContext,
  shape: Shape | null,
): { promptTokens: number; answerTokens: number } {
  return shape && context.isSoftware ? { promptTokens: 16, answerTokens: 13 } : decodePlan(context);
}

async function open(shape: Shape | null, tuning?: BenchEngineOptions["tuning"]): Promise<Opened> {
  await mkdir(dirname(TUNING_FILE), { recursive: true });
  const modelDirectory = shape ? await shapeDirectory(shape) : DEMO;
  let loadedAt = performance.now();
  const engine = await openUntuned({
    modelDirectory,
    maxBatch: Math.max(...BATCHES),
    maxModelLen: 1024,
    tuning,
    onProgress: () => loadedAt = performance.now(),
  });
  return { engine, seconds: (performance.now() - loadedAt) / 1000 };
}

async function close({ engine }: Opened): Promise<void> {
  await engine.close();
}
