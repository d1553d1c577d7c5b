import type { AdapterFiles } from "../../adapters/peft/mod.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";

/** Made by tools/fixtures/adapters.py with PEFT itself. */
export const FIXTURES = new URL("../fixtures/adapters/", import.meta.url);

/** The tiny Llama that the fixtures adapt. */
export const TINY_LLAMA: ModelConfig = {
  architecture: "llama",
  vocabSize: 96,
  hiddenSize: 64,
  intermediateSize: 80,
  numLayers: 3,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 16,
  rmsNormEps: 1e-6,
  ropeTheta: 10000,
  ropeScaling: { kind: "none" },
  maxPositionEmbeddings: 64,
  tieWordEmbeddings: false,
  qkvBias: false,
  outBias: false,
  mlpBias: false,
  qkNorm: false,
  slidingWindow: 0,
  eosTokenIds: [2],
};

export function fixturePath(path: string): string {
  return new URL(path, FIXTURES).pathname;
}

export async function readFixture<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(fixturePath(path)));
}

export async function readAdapter(path: string): Promise<AdapterFiles> {
  const directory = fixturePath(path);
  return {
    config: await Deno.readFile(`${directory}/adapter_config.json`),
    weights: await Deno.readFile(`${directory}/adapter_model.safetensors`),
  };
}

/** The same adapter with other keys in its configuration; undefined removes a key. */
export function withConfig(
  { config, weights }: AdapterFiles,
  changes: Record<string, unknown>,
): AdapterFiles {
  const merged = { ...JSON.parse(new TextDecoder().decode(config)), ...changes };
  return { config: new TextEncoder().encode(JSON.stringify(merged)), weights };
}
