/** Text at the engine's edge: tokens, chat templates, streaming text and stop strings. */
export { CHAT_ROLES, type ChatMessage, type ChatRole } from "./chat_messages.ts";
export type { DetokenizeOptions, Detokenizer } from "./detokenizer.ts";
export type { EncodeOptions } from "./encoder.ts";
export { loadTokenizer } from "./load.ts";
export { routerText } from "./router_text.ts";
export {
  sentenceCandidates,
  type SentenceSpan,
  SentenceSplitter,
  type SentenceState,
  type SentenceUpdate,
  splitSentences,
  type TokenSource,
  type TokenTable,
  tokenTable,
  TokenText,
} from "./sentences/mod.ts";
export { StopMatcher, type StopResult } from "./stop_matcher.ts";
export type { ChatOptions, TextTokenizer } from "./tokenizer.ts";
export { vocabularyHash } from "./vocabulary_hash.ts";
