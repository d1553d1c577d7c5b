import type { RoutingVocabulary } from "../../core/router.ts";
import type { TokenTable } from "../../core/token_table.ts";
import { sentenceCandidates } from "../../tokenizer/mod.ts";

/** What all routed answers share. */
export interface SharedVocabulary {
  table: TokenTable;
  /** Tokens behind which a sentence may have ended. */
  candidates: Uint32Array;
}

/** Finds the candidates, which takes a moment for a large vocabulary. */
export function sharedVocabulary({ table }: RoutingVocabulary): SharedVocabulary {
  return { table, candidates: sentenceCandidates(table) };
}
