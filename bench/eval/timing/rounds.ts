/** One series of one round: so many answers of one method at one server. */
export interface RoundRow {
  adapters: number;
  resident: number;
  concurrency: number;
  method: string;
  round: number;
  answers: number;
  /** Tokens of each answer. */
  answerTokens: number;
  /** Wall time of the series over its answers, milliseconds. */
  ms: number;
  /** Routed sentences of all answers, and the adapters in them. */
  sentences: number;
  mixed: number;
}

export function keyOfRound(
  { adapters, concurrency, method, round }: Pick<
    RoundRow,
    "adapters" | "concurrency" | "method" | "round"
  >,
): string {
  return [adapters, concurrency, method, round].join("/");
}
