import { SentenceSplitter } from "./splitter.ts";

/** A sentence's place in a text: UTF-16 units, `end` exclusive. */
export interface SentenceSpan {
  start: number;
  end: number;
}

/** A text's sentences. Space between two belongs to the first: together they are the text. None for "". */
export function splitSentences(text: string): SentenceSpan[] {
  if (text === "") return [];
  const splitter = new SentenceSplitter();
  const starts = [0, ...splitter.push(text).starts, ...splitter.end()];
  return starts.map((start, i) => ({ start, end: starts[i + 1] ?? text.length }));
}
