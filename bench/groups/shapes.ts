import type { Engine } from "../../engine/core/engine.ts";
import type { BenchContext } from "../context.ts";
import { runBatch } from "../engine/batch.ts";
import { decodeBytes, prefillFlops } from "../engine/costs.ts";
import { openEngine } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { Reading, SeriesGroup } from "../series.ts";
import { type Limits, measureLimits } from "../kernels/limits.ts";
import { shapeDirectory } from "../shapes/shape_files.ts";
import type { Shape } from "../shapes/shapes.ts";
import { decodeBatches } from "./decode_plan.ts";

const ELEMENT_BYTES = 2;
/** Prompt tokens of a step on a software driver, or more. */
const LEAST_PREFILL_TOKENS = 64;
/** Prompts of decode series; a context grows by the answer. */
const PROMPT_TOKENS = 64;
interface Opened {
  engine: Engine;
  limits: Limits;
}

/** Random weights in a real model's shape, against what the device does at best. */
export function shapeGroup(context: BenchContext, shape: Shape): SeriesGroup {
  const { isSoftware, isQuick } = context;
  const prefills = isSoftware ? [128, 512, 2048] : [128, 512, 2048, 8192];
  const opened = new Shared(
    () => open(shape, Math.max(...prefills) + 64),
    ({ engine }) => engine.close(),
  );
  const decode = async (batch: number): Promise<Reading> => {
    const { engine, limits } = await opened.get();
    const { promptTokens, answerTokens } = isSoftware
      ? softwarePlan(batch)
      : { promptTokens: PROMPT_TOKENS, answerTokens: 128 };
    const { rate } = await runBatch(engine, { batch, promptTokens, answerTokens });
    const bytes = decodeBytes(engine.info.model, {
      batch,
      contextLength: promptTokens + answerTokens / 2,
      elementBytes: ELEMENT_BYTES,
    });
    return { rate, of_stream: bytes * rate / batch / limits.streamBytes };
  };
  const prefill = async (promptTokens: number): Promise<Reading> => {
    const { engine, limits } = await opened.get();
    const { first } = await runBatch(engine, { batch: 1, promptTokens, answerTokens: 1 });
    const flops = prefillFlops(engine.info.model, promptTokens);
    return {
      rate: 1000 * promptTokens / first,
      of_fma: flops / (first / 1000) / limits.fmaFlops,
    };
  };
  const { batches, skipped } = decodeBatches(context);
  return {
    name: `shapes/${shape.name}`,
    title: `${shape.name}, random weights`,
    series: [
      ...batches.map((batch) => ({
        name: `decode/batch=${batch}`,
        unit: { rate: "tokens/s", of_stream: "share" },
        round: () => decode(batch),
      })),
      ...(isQuick && isSoftware ? prefills.slice(0, 1) : prefills).map((tokens) => ({
        name: `prefill/tokens=${tokens}`,
        unit: { rate: "tokens/s", of_fma: "share" },
        round: () => prefill(tokens),
      })),
    ],
    ratios: [8, 32].filter((batch) => batches.includes(batch)).map((batch) => ({
      name: `decode, throughput of ${batch} rows over 1`,
      over: `decode/batch=${batch}/rate`,
      under: "decode/batch=1/rate",
    })),
    skipped: [
      ...skipped,
      ...(isQuick && isSoftware ? prefills.slice(1) : []).map((tokens) => ({
        name: `prefill/tokens=${tokens}`,
        why: "--quick on a software driver",
      })),
    ],
    close: () => opened.close(),
  };
}

/** Short, as a step takes long; but rows that begin early must not be done when the last begins. */
function softwarePlan(batch: number): { promptTokens: number; answerTokens: number } {
  const promptTokens = 16;
  const promptSteps = Math.ceil(batch * promptTokens / LEAST_PREFILL_TOKENS);
  return { promptTokens, answerTokens: 9 + promptSteps };
}

async function open(shape: Shape, maxModelLen: number): Promise<Opened> {
  const limits = await measureLimits();
  const engine = await openEngine({
    modelDirectory: await shapeDirectory(shape),
    maxModelLen,
    maxBatch: 64,
  });
  return { engine, limits };
}
