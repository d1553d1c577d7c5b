import type { Recorder } from "../gpu/mod.ts";
import type { FewTokenLinear, ManyTokenLinear } from "../kernels/mod.ts";
import type { GroupAdapter, Segment } from "./stack_parts.ts";

/** A projection group and its adapters: `y = W x + Σ wᵢ·sᵢ·Bᵢ(Aᵢ x)`. */
export interface AdaptedProduct {
  record(recorder: Recorder, segment: Segment): void;
}

/** The product adds what the adapters listed. */
export function listedProduct(linear: FewTokenLinear, adapters: GroupAdapter): AdaptedProduct {
  return {
    record(recorder, segment) {
      if (segment.rankTotal > 0) adapters.record(recorder, segment);
      linear.record(recorder, segment);
    },
  };
}

/** The adapters add their share to what the product made. */
export function addedProduct(linear: ManyTokenLinear, adapters: GroupAdapter): AdaptedProduct {
  return {
    record(recorder, segment) {
      linear.record(recorder, segment.tokens);
      if (segment.rankTotal > 0) adapters.record(recorder, segment);
    },
  };
}
