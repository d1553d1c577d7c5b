import type { Mixture } from "../core/generation.ts";
import type { Decoder } from "../model/mod.ts";
import type { Sequence, StepPlan } from "../scheduler/mod.ts";
import type { ActiveRequest } from "./active_request.ts";
import type { AdapterPool } from "./ports.ts";
import { mixtureOfChunk } from "./step_builder.ts";

/** Brings the GPU's rows up to date with what a plan assumes. */
export class RowWriter {
  readonly #decoder: Decoder;
  readonly #pool: AdapterPool;

  constructor({ decoder, pool }: { decoder: Decoder; pool: AdapterPool }) {
    this.#decoder = decoder;
    this.#pool = pool;
  }

  write(plan: StepPlan, requests: ReadonlyMap<string, ActiveRequest>): void {
    for (const chunk of plan.prefills) {
      const { sequence, last } = chunk;
      this.#writeRow(requests.get(sequence.id)!, mixtureOfChunk(chunk, requests));
      if (!last) continue;
      const position = sequence.length - 1;
      this.#writeState(sequence, { token: 0, position, budget: 1 });
    }
    for (const sequence of plan.decodes) {
      const active = requests.get(sequence.id)!;
      this.#writeRow(active, active.mixture);
      const most = active.route?.pace.most ?? Infinity;
      this.#writeState(sequence, {
        token: sequence.tokens[sequence.length - 1],
        position: sequence.length - 1,
        budget: Math.min(plan.burst, sequence.remaining, most),
      });
    }
  }

  /** What a row keeps from its admission on, its growing block table, and its mixture. */
  #writeRow(active: ActiveRequest, mixture: Mixture): void {
    const { sequence, request, route } = active;
    if (active.rowAdmission !== sequence.admissions) {
      active.rowAdmission = sequence.admissions;
      active.tableVersion = -1;
      active.rowMixture = null;
      this.#decoder.sampling.admit(sequence.row, {
        sampling: request.sampling,
        promptTokens: request.promptTokens,
        answerTokens: sequence.tokens.subarray(sequence.numPrompt),
        pauseTokens: [
          ...request.stopTokens,
          ...request.pauseTokens,
          ...(route?.pauseTokens ?? []),
        ],
      });
    }
    if (active.rowMixture !== mixture) {
      active.rowMixture = mixture;
      this.#pool.setMixture(sequence.row, mixture);
    }
    if (active.tableVersion !== sequence.blockTableVersion) {
      active.tableVersion = sequence.blockTableVersion;
      this.#decoder.writeBlockTable(sequence.row, Uint32Array.from(sequence.blockTable));
    }
  }

  #writeState(
    sequence: Sequence,
    state: { token: number; position: number; budget: number },
  ): void {
    const drawn = sequence.numGenerated;
    this.#decoder.sampling.setState(sequence.row, { ...state, drawn, running: true });
  }
}
