import assert from "node:assert/strict";
import { BLOCK_SIZE, type Sequence, type StepPlan } from "../../../engine/scheduler/mod.ts";

/** Ends an answer. */
export const STOP = 0;
/** Makes a row idle for the rest of a burst. */
export const PAUSE = 1;

/**
 * A model whose state at a position is a number made of everything up to it (tokens, mixture), as
 * real keys and values are. It is kept in block slots and read back from them only, so a block that
 * holds anything else than the sequence's true past gives other tokens, and fails an assertion.
 */
export class SimulatedModel {
  readonly #slots: Float64Array;
  /** Which step wrote a slot, to find two rows writing the same one. */
  readonly #writer = new Map<number, string>();

  constructor(numBlocks: number) {
    this.#slots = new Float64Array(numBlocks * BLOCK_SIZE).fill(-1);
  }

  /** Computes the step as a GPU would: what it reads of the past must be there before it starts. */
  run(plan: StepPlan): Map<Sequence, number[]> {
    this.#writer.clear();
    for (const { sequence, start } of plan.prefills) this.#checkPast(sequence, start);
    for (const sequence of plan.decodes) this.#checkPast(sequence, sequence.numComputed);

    const results = new Map<Sequence, number[]>();
    for (const { sequence, start, tokens, last } of plan.prefills) {
      let state = this.#stateBefore(sequence, start);
      for (let i = 0; i < tokens.length; i++) {
        state = this.#write(sequence, { position: start + i, token: tokens[i] });
      }
      if (last) results.set(sequence, [tokenOf(state)]);
    }
    const idle = new Set<Sequence>();
    for (let k = 0; k < plan.burst; k++) {
      for (const sequence of plan.decodes) {
        const drawn = results.get(sequence) ?? [];
        if (idle.has(sequence) || drawn.length === sequence.remaining) continue;
        const token = drawn.at(-1) ?? sequence.tokens.at(-1)!;
        const position = sequence.numComputed + drawn.length;
        drawn.push(tokenOf(this.#write(sequence, { position, token })));
        results.set(sequence, drawn);
        if (drawn.at(-1)! <= PAUSE) idle.add(sequence);
      }
    }
    for (const { sequence, start, tokens } of plan.prefills) {
      this.#checkPast(sequence, start + tokens.length);
    }
    for (const sequence of plan.decodes) this.#checkPast(sequence, sequence.numComputed + 1);
    return results;
  }

  #slot(sequence: Sequence, position: number): number {
    const block = sequence.blockTable[Math.floor(position / BLOCK_SIZE)];
    assert.ok(block !== undefined, `"${sequence.id}" has no block for position ${position}`);
    return block * BLOCK_SIZE + position % BLOCK_SIZE;
  }

  #stateBefore(sequence: Sequence, position: number): number {
    if (position === 0) return rootState(sequence.mixtureKey);
    return this.#slots[this.#slot(sequence, position - 1)];
  }

  #write(sequence: Sequence, at: { position: number; token: number }): number {
    const slot = this.#slot(sequence, at.position);
    const owner = this.#writer.get(slot);
    assert.equal(owner, undefined, `"${sequence.id}" and "${owner}" write slot ${slot}`);
    this.#writer.set(slot, sequence.id);
    const before = this.#stateBefore(sequence, at.position);
    return this.#slots[slot] = stateAfter(before, { ...at, segments: sequence.segments });
  }

  #checkPast(sequence: Sequence, end: number): void {
    let state = rootState(sequence.mixtureKey);
    const { tokens } = sequence;
    for (let position = 0; position < end; position++) {
      state = stateAfter(state, { position, token: tokens[position], segments: sequence.segments });
      if (this.#slots[this.#slot(sequence, position)] === state) continue;
      assert.fail(`"${sequence.id}" reads another text at position ${position} of ${end}`);
    }
  }
}

/** A change of mixture that took effect at position `from`. */
export interface Change {
  key: string;
  from: number;
  policy: "carry" | "recompute";
}

/** What the model answers to a prompt alone, with no batch, no blocks and no cache. */
export function soloAnswer(
  { prompt, mixtureKey, limit, changes = [] }: {
    prompt: Uint32Array;
    mixtureKey: string;
    limit: number;
    changes?: readonly Change[];
  },
): number[] {
  const all = (text: Iterable<number>, key: string) => [...text].reduce(nextState, rootState(key));
  let key = mixtureKey;
  let state = all(prompt, key);
  const answer = [tokenOf(state)];
  while (answer.length < limit && answer.at(-1) !== STOP) {
    const from = prompt.length + answer.length - 1;
    for (const change of changes.filter((change) => change.from === from)) {
      if (change.policy === "recompute") {
        state = all([...prompt, ...answer.slice(0, -1)], change.key);
      } else if (change.key !== key) state = state ^ rootState(change.key);
      key = change.key;
    }
    state = nextState(state, answer.at(-1)!);
    answer.push(tokenOf(state));
  }
  return answer;
}

function rootState(mixtureKey: string): number {
  return [...mixtureKey].reduce((state, char) => nextState(state, char.charCodeAt(0)), 17);
}

function stateAfter(
  state: number,
  at: { position: number; token: number; segments: Sequence["segments"] },
): number {
  const begun = at.segments.find(({ start }) => start > 0 && start === at.position);
  return nextState(begun ? state ^ rootState(begun.mixtureKey) : state, at.token);
}

function nextState(state: number, token: number): number {
  let mixed = Math.imul(state ^ token, 0x9e3779b1);
  mixed = Math.imul(mixed ^ mixed >>> 15, 0x85ebca6b) + 0x7ed55d16;
  return (mixed ^ mixed >>> 13) >>> 0;
}

/** Few different tokens, so that answers share prefixes; a stop in 160, a pause in 8. */
function tokenOf(state: number): number {
  const roll = (state >>> 3) % 160;
  return roll === 0 ? STOP : roll <= 20 ? PAUSE : 2 + roll % 3;
}
