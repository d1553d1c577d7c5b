import type { Engine } from "../../engine/core/engine.ts";
import type { Mixture } from "../../engine/core/generation.ts";
import { readModelConfig } from "../../engine/mod.ts";
import type { BenchContext } from "../context.ts";
import { randomAdapter } from "../engine/adapters.ts";
import { runBatch } from "../engine/batch.ts";
import { openEngine } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { Ratio, Series, SeriesGroup } from "../series.ts";
import { shapeDirectory } from "../shapes/shape_files.ts";
import type { Shape } from "../shapes/shapes.ts";
import { DEMO } from "../demo_model.ts";

const BATCH = 8;
const RANK = 16;
const MIXED_RANKS = [8, 16, 64];
const PREFILL_TOKENS = 512;
/** Of a mixture of three; they need not add up to one. */
const WEIGHT = 0.4;

const LEFT_OUT_OF_QUICK = ["decode/one_qv", "decode/ranks", "prefill/base", "prefill/one"];

interface Opened {
  /** Without adapters: the one that the others are held against. */
  base: Engine;
  /** With room for adapters. */
  adapted: Engine;
}

/** What adapters cost: throughput beside that of an engine that has none. Null: the demo pack. */
export function loraGroup(context: BenchContext, shape: Shape | null): SeriesGroup {
  const opened = new Shared(() => open(shape), close);
  const answerTokens = context.isSoftware ? (shape ? 13 : context.isQuick ? 33 : 65) : 128;
  const promptTokens = context.isSoftware ? 16 : 64;
  const decode = (
    name: string,
    mixture: (i: number) => Mixture,
    which: "base" | "adapted" = "adapted",
  ): Series => ({
    name: `decode/${name}`,
    unit: "tokens/s",
    // Rows whose adapters are still on their way would begin when the others are done.
    prepare: async () => {
      const engine = (await opened.get())[which];
      await runBatch(engine, { batch: BATCH, mixture, promptTokens, answerTokens: 1 });
    },
    round: async () => {
      const engine = (await opened.get())[which];
      return (await runBatch(engine, { batch: BATCH, mixture, promptTokens, answerTokens })).rate;
    },
  });
  const prefill = (name: string, mixture: Mixture, which: "base" | "adapted"): Series => ({
    name: `prefill/${name}`,
    unit: "tokens/s",
    round: async () => {
      const run = { batch: 1, mixture: () => mixture, promptTokens: PREFILL_TOKENS };
      const { first } = await runBatch((await opened.get())[which], { ...run, answerTokens: 1 });
      return 1000 * PREFILL_TOKENS / first;
    },
  });
  const all = [
    decode("base", () => [], "base"),
    decode("none", () => []),
    decode("one", () => [entry(`all-${RANK}-0`)]),
    decode("one_qv", () => [entry(`qv-${RANK}-0`)]),
    decode("eight", (i) => [entry(`all-${RANK}-${i}`)]),
    decode(
      "mixtures",
      (i) => [0, 1, 2].map((j) => entry(`all-${RANK}-${(i + j) % BATCH}`, WEIGHT)),
    ),
    decode("ranks", (i) => [entry(`all-${MIXED_RANKS[i % MIXED_RANKS.length]}-0`)]),
    prefill("base", [], "base"),
    prefill("one", [entry(`all-${RANK}-0`)], "adapted"),
  ];
  const series = context.isQuick
    ? all.filter(({ name }) => !LEFT_OUT_OF_QUICK.includes(name))
    : all;
  return {
    name: `lora/${shape?.name ?? "demo"}`,
    title: `LoRA, ${shape?.name ?? "demo pack"}, ${BATCH} rows`,
    series,
    ratios: [
      ...series.flatMap(({ name }) => overBase(name)),
      {
        name: "time of mixtures of 3 over one adapter",
        over: "decode/one",
        under: "decode/mixtures",
      },
    ],
    skipped: all.filter((one) => !series.includes(one))
      .map(({ name }) => ({ name, why: "--quick" })),
    close: () => opened.close(),
  };
}

function entry(generation: string, weight = 1): { generation: string; weight: number } {
  return { generation, weight };
}

function overBase(name: string): Ratio[] {
  const [kind, what] = name.split("/");
  if (what === "base") return [];
  return [{ name: `${kind}, ${what} over base`, over: name, under: `${kind}/base` }];
}

async function open(shape: Shape | null): Promise<Opened> {
  const modelDirectory = shape ? await shapeDirectory(shape) : DEMO;
  const config = await readModelConfig(modelDirectory);
  const common = { modelDirectory, maxBatch: BATCH, maxModelLen: 1024 };
  const base = await openEngine({ ...common, maxAdapters: 1, maxLoraRank: 1 });
  const adapted = await openEngine({
    ...common,
    maxAdapters: 32,
    // Made when it is asked for: `kind-rank-number`.
    loadAdapter: (generation) => {
      const [kind, rank] = generation.split("-");
      const projections = kind === "qv" ? ["q", "v"] as const : undefined;
      return Promise.resolve(
        randomAdapter(config, { generation, rank: Number(rank), projections }),
      );
    },
  });
  return { base, adapted };
}

async function close({ base, adapted }: Opened): Promise<void> {
  await base.close();
  await adapted.close();
}
