import type { Recorder } from "../gpu/mod.ts";
import type { FewTokenLinear, ManyTokenLinear } from "../kernels/mod.ts";
import type { GroupAdapter, Segment } from "./stack_parts.ts";

/** A projection group and its adapters: `y = W x + Σ wᵢ·sᵢ·Bᵢ(Aᵢ x)`. */
export interface AdaptedProduct {
  record(recorder: Recorder, segment: Segment): void;
}

/** The product adds what the adapters listed. */
export class ListedProduct implements AdaptedProduct {
  readonly #linear: FewTokenLinear;
  readonly #adapters: GroupAdapter;

  constructor(linear: FewTokenLinear, adapters: GroupAdapter) {
    this.#linear = linear;
    this.#adapters = adapters;
  }

  record(recorder: Recorder, segment: Segment): void {
    if (segment.rankTotal > 0) this.#adapters.record(recorder, segment);
    this.#linear.record(recorder, segment);
  }
}

/** The adapters add their share to what the product made. */
export class AddedProduct implements AdaptedProduct {
  readonly #linear: ManyTokenLinear;
  readonly #adapters: GroupAdapter;

  constructor(linear: ManyTokenLinear, adapters: GroupAdapter) {
    this.#linear = linear;
    this.#adapters = adapters;
  }

  record(recorder: Recorder, segment: Segment): void {
    this.#linear.record(recorder, segment.tokens);
    if (segment.rankTotal > 0) this.#adapters.record(recorder, segment);
  }
}
