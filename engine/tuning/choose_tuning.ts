import { type DeviceTuning, tuningKey } from "../core/tuning.ts";
import { ProductChoices } from "../kernels/mod.ts";
import type { ModelWeights } from "../model/mod.ts";
import { tuneProducts, type TunerParts } from "./product_tuner.ts";

/** The variants that a model runs, and how they were chosen. */
export interface Tuned {
  products: ProductChoices;
  source: "default" | "stored" | "measured";
  /** What was measured now. */
  measured?: DeviceTuning;
}

/** Measures with `tune`; else takes what `tunings` have for this device and these matrices. */
export async function chooseTuning(
  weights: ModelWeights,
  parts: TunerParts,
  { tunings = [], tune = false }: { tunings?: readonly DeviceTuning[]; tune?: boolean },
): Promise<Tuned> {
  const { kernels } = parts;
  const device = tuningKey(kernels.gpu.info);
  if (tune) {
    const products = await tuneProducts(weights, parts);
    return {
      products: new ProductChoices(kernels, products),
      source: "measured",
      measured: { device, products },
    };
  }
  const stored = tunings.find((tuning) => tuning.device === device)?.products ?? [];
  const products = new ProductChoices(kernels, stored);
  return { products, source: products.knows(weights.layers[0].qkv.weight) ? "stored" : "default" };
}
