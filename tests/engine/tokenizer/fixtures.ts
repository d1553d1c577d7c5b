import { fileURLToPath } from "node:url";
import {
  type ChatMessage,
  loadTokenizer,
  type TextTokenizer,
} from "../../../engine/tokenizer/mod.ts";

const FIXTURES = new URL("../../fixtures/tokenizers/", import.meta.url);
const DEMO = new URL("../../../models/demo/", import.meta.url);

/** The styles that tools/fixtures/tokenizer.py builds. */
export const STYLES = ["byte_level_bpe", "chatml_nfc", "sentencepiece_like", "metaspace"] as const;
export type Style = typeof STYLES[number];

/** What Python's transformers says (tools/fixtures/tokenizer.py). */
export interface Expected {
  vocab_size: number;
  eos: number;
  specials: number[];
  encode: { text: string; ids: number[]; plain: number[] }[];
  decode: { ids: number[]; text: string; skip: string }[];
  chat: {
    messages: ChatMessage[];
    add_generation_prompt: boolean;
    text?: string;
    ids?: number[];
    error?: string;
  }[];
}

export function fixtureDirectory(style: Style): string {
  return fileURLToPath(new URL(style, FIXTURES));
}

export function readExpected(name: Style | "demo"): Expected {
  return JSON.parse(Deno.readTextFileSync(new URL(`${name}/expected.json`, FIXTURES)));
}

/** The demo pack's directory, or null before it is made. */
export function demoDirectory(): string | null {
  try {
    Deno.statSync(new URL("tokenizer.json", DEMO));
    return fileURLToPath(DEMO);
  } catch {
    return null;
  }
}

/** Loads a fixture (or any directory), runs `body` with it and closes it. */
export async function withTokenizer(
  directory: string,
  body: (tokenizer: TextTokenizer) => void | Promise<void>,
): Promise<void> {
  const tokenizer = await loadTokenizer(directory);
  try {
    await body(tokenizer);
  } finally {
    tokenizer.close();
  }
}
