import type { Staged, Submission } from "../gpu/mod.ts";
import type { StepInput } from "./step_input.ts";

/** A step's commands, not submitted yet. */
export interface RecordedStep {
  submission: Submission;
  /** Null for a step that draws nothing. */
  staged: Staged | null;
}

/**
 * The step that will most likely follow a full burst of decoding rows: another one. It is recorded while
 * the GPU works on the first, and used if that is what comes.
 */
export class StepAhead {
  readonly #burst: number;
  readonly #maxModelLen: number;
  #kept: { input: StepInput; step: RecordedStep } | null = null;

  /** `burst` is a full burst's length. */
  constructor({ burst, maxModelLen }: { burst: number; maxModelLen: number }) {
    this.#burst = burst;
    this.#maxModelLen = maxModelLen;
  }

  /** What to record behind this step; null where nothing is likely. */
  after(input: StepInput): StepInput | null {
    if (!isDecodeOnly(input) || input.burst < this.#burst) return null;
    const { decode, burst } = input;
    const contextLength = Math.min(decode.contextLength + burst, this.#maxModelLen);
    return { ...input, decode: { ...decode, contextLength } };
  }

  keep(input: StepInput, step: RecordedStep): void {
    this.#kept = { input, step };
  }

  /** The kept step if its commands are this one's, too. It isn't kept any longer either way. */
  take(input: StepInput): RecordedStep | null {
    const kept = this.#kept;
    this.#kept = null;
    return kept && isDecodeOnly(input) && hasCommandsOf(kept.input, input) ? kept.step : null;
  }
}

function isDecodeOnly({ prefill, picks, decode }: StepInput): boolean {
  return prefill.tokens === 0 && picks.length === 0 && decode.tokens > 0;
}

/** Which rows decode, and where, is in buffers; commands hold how many there are. */
function hasCommandsOf(kept: StepInput, input: StepInput): boolean {
  return kept.decode.tokens === input.decode.tokens &&
    kept.decode.rankTotal === input.decode.rankTotal &&
    // Spans of attention beyond a context do nothing.
    kept.decode.contextLength >= input.decode.contextLength &&
    kept.burst === input.burst &&
    kept.logprobs === input.logprobs;
}
