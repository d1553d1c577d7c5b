import type { PromptKind } from "./prompts.ts";

/** One series of one round: so many answers of one method at one server. */
export interface RoundRow {
  prompts: PromptKind;
  adapters: number;
  resident: number;
  concurrency: number;
  method: string;
  round: number;
  answers: number;
  /** Tokens of all answers. */
  answerTokens: number;
  /** Wall time of the series over its answers, milliseconds. */
  ms: number;
  /** Routed sentences of all answers, and the adapters in them. */
  sentences: number;
  mixed: number;
}

export function keyOfRound(
  { prompts, adapters, concurrency, method, round }: Pick<
    RoundRow,
    "prompts" | "adapters" | "concurrency" | "method" | "round"
  >,
): string {
  return [prompts, adapters, concurrency, method, round].join("/");
}
