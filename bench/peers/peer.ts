/** Other engines that run the same model on the same device. */
export const PEERS = [
  "onnxruntime-web",
  "onnxruntime-web, quick readback",
  "transformers.js",
] as const;
export type PeerName = typeof PEERS[number];

export interface PeerOptions {
  /** Hugging Face layout, safetensors. */
  modelDirectory: string;
  /** f16 needs the device's shader-f16. */
  dtype: "f16" | "f32";
  /** Prompt and answer together. */
  maxModelLen: number;
}

/** What a batch of prompts gave. */
export interface PeerAnswer {
  /** `maxTokens` for each row: greedy, going on behind stop tokens. */
  tokens: number[][];
  /** Milliseconds from the call to the first tokens, which all rows get at once. */
  firstMs: number;
  /** Milliseconds from the first tokens to the last. */
  restMs: number;
  /** `[vocab]` for each row, at the prompt's last token; onnxruntime-web only. */
  firstLogits?: Float32Array[];
}

export interface PeerDecoder {
  /** @throws {RangeError} when the prompts' lengths differ. */
  generate(prompts: readonly number[][], maxTokens: number): Promise<PeerAnswer>;
  close(): Promise<void>;
}

/** The length that all prompts have. */
export function commonLength(prompts: readonly number[][]): number {
  const [length, ...others] = new Set(prompts.map((prompt) => prompt.length));
  if (length > 0 && others.length === 0) return length;
  throw new RangeError(
    `Cannot answer prompts of ${prompts.map((prompt) => prompt.length)} tokens: ` +
      "one length of 1 or more is needed",
  );
}
