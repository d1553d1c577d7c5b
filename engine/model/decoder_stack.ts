import type { Recorder } from "../gpu/mod.ts";
import { Embed, NormParts } from "../kernels/mod.ts";
import { DecodeLayer } from "./decode_layer.ts";
import { PrefillLayer } from "./prefill_layer.ts";
import type { Segment, StackParts } from "./stack_parts.ts";

/** Embedding and layers for tokens of one kind, from ids to the residual stream. */
export class DecoderStack {
  readonly #embed: Embed;
  readonly #normParts: NormParts | null;
  readonly #layers: (PrefillLayer | DecodeLayer)[];

  constructor(kind: "prefill" | "decode", parts: StackParts) {
    const { kernels, weights, buffers, uniforms } = parts;
    const { stream } = buffers;
    const { tokens } = buffers[kind];
    this.#embed = new Embed(kernels, { tokens, table: weights.embedding, x: stream.buffer }, {
      uniforms,
    });
    this.#normParts = kind === "prefill"
      ? null
      : new NormParts(kernels, { stream, weight: weights.layers[0].inputNorm }, { uniforms });
    const Layer = kind === "prefill" ? PrefillLayer : DecodeLayer;
    this.#layers = weights.layers.map((_, layer) => new Layer(layer, parts));
  }

  record(recorder: Recorder, segment: Segment): void {
    this.#embed.record(recorder, segment.tokens);
    this.#normParts?.record(recorder, segment.tokens);
    for (const layer of this.#layers) layer.record(recorder, segment);
  }
}
