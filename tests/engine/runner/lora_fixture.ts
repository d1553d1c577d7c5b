import { parsePeftAdapter } from "../../../adapters/peft/mod.ts";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";
import type { Mixture } from "../../../engine/core/generation.ts";
import { openModelDirectory } from "../../../engine/loader/mod.ts";

export const MODELS = new URL("../../fixtures/models/", import.meta.url).pathname;

/** What tools/fixtures/lora.py computed with PyTorch and PEFT's `cat` in float32. */
interface Expected {
  base: string;
  adapters: string[];
  rows: {
    mixture: { adapter: string; weight: number }[];
    prompt: number[];
    logits: number[];
    greedy: number[];
  }[];
}

/** A base, eight adapters, and rows of mixtures with what PyTorch makes of them. */
export interface LoraFixture {
  base: string;
  adapters: Map<string, AdapterWeights>;
  rows: { mixture: Mixture; prompt: Uint32Array; logits: number[]; greedy: number[] }[];
}

export async function readLoraFixture(): Promise<LoraFixture> {
  const expected: Expected = JSON.parse(await Deno.readTextFile(`${MODELS}lora/expected.json`));
  const base = `${MODELS}${expected.base}`;
  using model = await openModelDirectory(base);
  const byName = new Map<string, AdapterWeights>();
  for (const name of expected.adapters) {
    const directory = `${MODELS}lora/${name}/`;
    const files = {
      config: await Deno.readFile(`${directory}adapter_config.json`),
      weights: await Deno.readFile(`${directory}adapter_model.safetensors`),
    };
    byName.set(name, await parsePeftAdapter(files, { model: model.config, maxRank: 64 }));
  }
  return {
    base,
    adapters: new Map([...byName.values()].map((weights) => [weights.generation, weights])),
    rows: expected.rows.map((row) => ({
      ...row,
      prompt: Uint32Array.from(row.prompt),
      mixture: row.mixture.map(({ adapter, weight }) => ({
        generation: byName.get(adapter)!.generation,
        weight,
      })),
    })),
  };
}
