import type { RoutedSentence } from "../../engine/core/routing.ts";

/** A sentence's route as `weft.sentences` shows it: its `adapters`, as `lora`, replay it. */
export interface ShownSentence {
  /** The answer it belongs to, by `choices[].index`. */
  choice: number;
  index: number;
  /** Tokens of the answer before it. */
  start: number;
  adapters: { id: string; generation: string; weight: number }[];
  confidence: number;
  entropy: number;
  abstained: boolean;
  kept: boolean;
  missed: string[];
  /** The router's generation. */
  router: string;
}

export function showSentence(choice: number, sentence: RoutedSentence): ShownSentence {
  const { index, start, adapters, confidence, entropy, abstained, kept, missed, router } = sentence;
  return {
    choice,
    index,
    start,
    adapters: adapters.map(({ label, generation, weight }) => ({ id: label, generation, weight })),
    confidence,
    entropy,
    abstained,
    kept,
    missed,
    router,
  };
}
