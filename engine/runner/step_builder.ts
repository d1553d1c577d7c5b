import type { StepInput } from "../model/mod.ts";
import type { Mixture } from "../core/generation.ts";
import type { PrefillChunk, StepPlan } from "../scheduler/mod.ts";
import type { ActiveRequest } from "./active_request.ts";
import type { AdapterPool } from "./ports.ts";

/**
 * Lays a plan out as the arrays a step computes. `mostRanks` is a bound for rows whose mixture the GPU
 * is about to choose.
 */
export function buildStep(
  plan: StepPlan,
  requests: ReadonlyMap<string, ActiveRequest>,
  { pool, mostRanks }: { pool: AdapterPool; mostRanks: number },
): StepInput {
  const { prefills, decodes, burst } = plan;
  const requestOf = (id: string) => requests.get(id)!.request;
  const most = (mixtures: readonly Mixture[]) =>
    mixtures.reduce((most, mixture) => Math.max(most, pool.rankTotal(mixture)), 0);

  const count = prefills.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const ids = new Uint32Array(count);
  const positions = new Uint32Array(count);
  const rows = new Uint32Array(count);
  const endings = prefills.filter(({ last }) => last);
  const picks = new Uint32Array(endings.length);
  let at = 0;
  let ended = 0;
  for (const { sequence, start, tokens, last } of prefills) {
    ids.set(tokens, at);
    rows.fill(sequence.row, at, at + tokens.length);
    for (let i = 0; i < tokens.length; i++) positions[at + i] = start + i;
    at += tokens.length;
    if (last) picks[ended++] = at - 1;
  }
  const sampled = [...decodes, ...endings.map(({ sequence }) => sequence)];
  return {
    prefill: {
      tokens: count,
      contextLength: Math.max(0, ...prefills.map((p) => p.start + p.tokens.length)),
      rankTotal: most(prefills.map((chunk) => mixtureOfChunk(chunk, requests))),
      ids,
      positions,
      rows,
    },
    decode: {
      tokens: decodes.length,
      contextLength: Math.max(0, ...decodes.map(({ length }) => length + burst - 1)),
      rankTotal: Math.max(most(decodes.map(({ id }) => requests.get(id)!.mixture)), mostRanks),
    },
    sampled: Uint32Array.from(sampled, ({ row }) => row),
    picks,
    burst,
    logprobs: sampled.some(({ id }) => requestOf(id).sampling.logprobs !== null),
  };
}

/** What a chunk's positions are computed under. */
export function mixtureOfChunk(
  { sequence, segment }: PrefillChunk,
  requests: ReadonlyMap<string, ActiveRequest>,
): Mixture {
  return requests.get(sequence.id)!.mixtureOf(sequence.segments[segment].mixtureKey);
}
