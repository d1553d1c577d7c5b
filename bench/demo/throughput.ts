import { openLocalStore } from "../../adapters/mod.ts";
import type { Engine } from "../../engine/core/engine.ts";
import { GREEDY, type Mixture } from "../../engine/core/generation.ts";
import { readModelConfig, startEngine } from "../../engine/mod.ts";
import { type Figure, format, percentiles } from "../measure.ts";

const ROUNDS = 5;
const PROMPT_TOKENS = 64;
const ANSWER_TOKENS = 64;

interface Subject {
  modelDirectory: string;
  adapterDirectory: string;
  adapters: readonly string[];
}

/** Which adapters row `i` of a series applies. */
type Series = { name: string; batch: number; mixture: (i: number) => Mixture };

/** Tokens a second and time to the first token, through the worker as the server uses it. */
export async function measureThroughput(subject: Subject): Promise<Figure[]> {
  const { modelDirectory, adapterDirectory, adapters } = subject;
  const store = await openLocalStore({
    paths: [adapterDirectory],
    model: await readModelConfig(modelDirectory),
    maxRank: 64,
    maxBytes: 2 ** 30,
  });
  const leases = await Promise.all(adapters.slice(0, 8).map((name) => store.acquire(name)));
  const engine = await startEngine({
    modelDirectory,
    loadAdapter: (generation) => store.weightsOf(generation),
  });
  try {
    const one = (i: number) => ({ generation: leases[i % leases.length].generation, weight: 1 });
    const three = (i: number) =>
      [one(i), one(i + 1), one(i + 2)].map((e) => ({ ...e, weight: 0.4 }));
    const series: Series[] = [1, 8, 32].map((batch) => ({
      name: `base, ${batch} at once`,
      batch,
      mixture: () => [],
    }));
    series.push(
      { name: "one adapter, 8 at once", batch: 8, mixture: () => [one(0)] },
      { name: "8 different adapters, 8 at once", batch: 8, mixture: (i) => [one(i)] },
      { name: "mixtures of 3, 8 at once", batch: 8, mixture: three },
    );
    const { device, dtype } = engine.info;
    return [
      { what: "adapter", value: device.description || device.vendor },
      { what: "dtype", value: dtype },
      ...(await measureSeries(engine, series)),
    ];
  } finally {
    await engine.close();
    for (const lease of leases) lease.release();
  }
}

/** Interleaves the series, so that a machine that slows down slows them all. */
async function measureSeries(engine: Engine, series: readonly Series[]): Promise<Figure[]> {
  const results = series.map(() => ({ rates: [] as number[], firsts: [] as number[] }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, { batch, mixture }] of series.entries()) {
      // Prompts of their own, or the prefix cache would answer for the series before.
      const salt = (round * series.length + index) * 1009;
      const { rate, first } = await runBatch(engine, { batch, mixture, salt });
      // The first round brings adapters and compiles.
      if (round === 0) continue;
      results[index].rates.push(rate);
      results[index].firsts.push(first);
    }
  }
  return results.flatMap(({ rates, firsts }, index) => {
    const { name } = series[index];
    const spread = `${format(Math.min(...rates), "")}to ${format(Math.max(...rates), "")}`;
    return [
      {
        what: `decode, ${name}`,
        value: `${format(percentiles(rates).p50, "tokens/s")} (${spread.trim()})`,
      },
      {
        what: `first token of ${PROMPT_TOKENS}-token prompts, ${name}`,
        value: format(percentiles(firsts).p50, "ms"),
      },
    ];
  });
}

/** Tokens a second after the first tokens, and milliseconds until the last row has its first. */
export async function runBatch(
  engine: Engine,
  { batch, mixture, salt, promptTokens: length = PROMPT_TOKENS, answerTokens = ANSWER_TOKENS }: {
    batch: number;
    mixture: Series["mixture"];
    salt: number;
    promptTokens?: number;
    answerTokens?: number;
  },
): Promise<{ rate: number; first: number }> {
  const start = performance.now();
  const rows = await Promise.all(Array.from({ length: batch }, async (_, i) => {
    const promptTokens = Uint32Array.from(
      { length },
      (_, j) => 16 + (j * 37 + i * 101 + salt) % 1900,
    );
    let firstAt = 0;
    const events = engine.generate({
      id: crypto.randomUUID(),
      promptTokens,
      maxTokens: answerTokens,
      mixture: mixture(i),
      sampling: GREEDY,
      stopTokens: [],
      pauseTokens: [],
    }, new AbortController().signal);
    for await (const event of events) {
      if (event.kind === "tokens") firstAt ||= performance.now();
    }
    return { firstAt, doneAt: performance.now() };
  }));
  const lastFirst = Math.max(...rows.map(({ firstAt }) => firstAt));
  const done = Math.max(...rows.map(({ doneAt }) => doneAt));
  return {
    rate: batch * (answerTokens - 1) / (done - lastFirst) * 1000,
    first: lastFirst - start,
  };
}
