/** The decoder families Weft runs. They differ in biases, head norms and rotary scaling only. */
export type Architecture = "llama" | "qwen2" | "qwen3" | "mistral";

/** How rotary frequencies are stretched for contexts longer than the pretraining's. */
export type RopeScaling =
  | { kind: "none" }
  | { kind: "linear"; factor: number }
  | {
    kind: "llama3";
    factor: number;
    lowFreqFactor: number;
    highFreqFactor: number;
    originalMaxPositionEmbeddings: number;
  };

/** A decoder's shape, read from a Hugging Face `config.json` and checked. Sizes are in elements. */
export interface ModelConfig {
  architecture: Architecture;
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  numLayers: number;
  numHeads: number;
  numKvHeads: number;
  headDim: number;
  rmsNormEps: number;
  ropeTheta: number;
  ropeScaling: RopeScaling;
  maxPositionEmbeddings: number;
  /** The head shares the embedding's matrix. */
  tieWordEmbeddings: boolean;
  /** q, k and v have biases (Qwen2; Llama with `attention_bias`, which then has one on o as well). */
  qkvBias: boolean;
  /** o has a bias (Llama with `attention_bias`). */
  outBias: boolean;
  /** gate, up and down have biases (Llama with `mlp_bias`). */
  mlpBias: boolean;
  /** Each head of q and k is RMS-normalised before the rotation (Qwen3). */
  qkNorm: boolean;
  /** A query sees at most this many of the latest keys, itself included (Mistral); 0 = all. */
  slidingWindow: number;
  /** Tokens that end a generation, from `generation_config.json` and `config.json`. */
  eosTokenIds: readonly number[];
}
