/** Sentences in text that arrives token by token. No tokenizer library behind it: the engine's worker imports it. */
export { sentenceCandidates } from "./candidates.ts";
export { type SentenceSpan, splitSentences } from "./split_sentences.ts";
export { SentenceSplitter, type SentenceState, type SentenceUpdate } from "./splitter.ts";
export type { TokenTable } from "../../core/token_table.ts";
export { type TokenSource, tokenTable, TokenText } from "./token_text.ts";
