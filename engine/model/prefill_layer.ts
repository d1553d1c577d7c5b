import type { Recorder } from "../gpu/mod.ts";
import { ManyTokenLinear, PromptAttention, RmsNorm, RopeKv, SiluMul } from "../kernels/mod.ts";
import type { ProjectionGroup } from "../lora/mod.ts";
import type { GroupAdapter, Segment, StackParts } from "./stack_parts.ts";
import type { LinearWeights } from "./weights.ts";

/** A pre-norm decoder layer for prompts: attention and gated MLP, each added to the residual stream. */
export class PrefillLayer {
  readonly #inputNorm: RmsNorm;
  readonly #qkv: AdaptedLinear;
  readonly #ropeKv: RopeKv;
  readonly #attention: PromptAttention;
  readonly #out: AdaptedLinear;
  readonly #postNorm: RmsNorm;
  readonly #gateUp: AdaptedLinear;
  readonly #activation: SiluMul;
  readonly #down: AdaptedLinear;

  constructor(layer: number, parts: StackParts) {
    const { kernels, config, shape, buffers, uniforms } = parts;
    const weights = parts.weights.layers[layer];
    const { stream, normed, qkv, attended, gateUp, activated } = buffers;
    const x = stream.buffer;
    const places = buffers.prefill;
    const norm = (weight: GPUBuffer) =>
      new RmsNorm(kernels, { x, weight, y: normed }, {
        width: config.hiddenSize,
        eps: config.rmsNormEps,
        uniforms,
      });
    const linear = (
      group: ProjectionGroup,
      weights: LinearWeights,
      io: { x: GPUBuffer; y: GPUBuffer },
    ) =>
      new AdaptedLinear(
        new ManyTokenLinear(kernels, { ...io, ...weights }, {
          accumulate: io.y === x,
          uniforms,
          tiles: parts.products.of(weights.weight).tiles,
        }),
        parts.adapters.many({ layer, group }, { ...io, rows: places.rows }),
      );
    const cache = parts.caches[layer];
    const { maxBlocks } = shape;
    this.#inputNorm = norm(weights.inputNorm);
    this.#qkv = linear("qkv", weights.qkv, { x: normed, y: qkv });
    this.#ropeKv = new RopeKv(
      kernels,
      { x: qkv, places, rotation: parts.rotation, headNorm: weights.headNorm, cache },
      { config, maxBlocks, uniforms },
    );
    this.#attention = new PromptAttention(
      kernels,
      { x: qkv, places, cache, y: attended },
      { config, maxBlocks, uniforms },
    );
    this.#out = linear("o", weights.out, { x: attended, y: x });
    this.#postNorm = norm(weights.postNorm);
    this.#gateUp = linear("gate_up", weights.gateUp, { x: normed, y: gateUp });
    this.#activation = new SiluMul(kernels, { x: gateUp, y: activated }, {
      width: config.intermediateSize,
      uniforms,
    });
    this.#down = linear("down", weights.down, { x: activated, y: x });
  }

  record(recorder: Recorder, segment: Segment): void {
    const { tokens } = segment;
    this.#inputNorm.record(recorder, tokens);
    this.#qkv.record(recorder, segment);
    this.#ropeKv.record(recorder, tokens);
    this.#attention.record(recorder, segment.tokens);
    this.#out.record(recorder, segment);
    this.#postNorm.record(recorder, tokens);
    this.#gateUp.record(recorder, segment);
    this.#activation.record(recorder, tokens);
    this.#down.record(recorder, segment);
  }
}

/** A projection group and its adapters: `y = W x + Σ wᵢ·sᵢ·Bᵢ(Aᵢ x)`. */
class AdaptedLinear {
  readonly #linear: ManyTokenLinear;
  readonly #adapter: GroupAdapter;

  constructor(linear: ManyTokenLinear, adapter: GroupAdapter) {
    this.#linear = linear;
    this.#adapter = adapter;
  }

  record(recorder: Recorder, segment: Segment): void {
    this.#linear.record(recorder, segment.tokens);
    if (segment.rankTotal > 0) this.#adapter.record(recorder, segment);
  }
}
