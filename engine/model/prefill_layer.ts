import type { TilePlan } from "../core/tuning.ts";
import type { Recorder } from "../gpu/mod.ts";
import {
  FewTokenLinear,
  type KernelSet,
  ManyTokenLinear,
  PromptAttention,
  RmsNorm,
  RopeKv,
  SiluMul,
} from "../kernels/mod.ts";
import type { ProjectionGroup } from "../lora/mod.ts";
import { type AdaptedProduct, addedProduct, listedProduct } from "./adapted_product.ts";
import type { Segment, StackParts } from "./stack_parts.ts";
import type { LinearWeights } from "./weights.ts";

/** A pre-norm decoder layer for prompts: attention and gated MLP, each added to the residual stream. */
export class PrefillLayer {
  readonly #inputNorm: RmsNorm;
  readonly #qkv: AdaptedProduct;
  readonly #ropeKv: RopeKv;
  readonly #attention: PromptAttention;
  readonly #out: AdaptedProduct;
  readonly #postNorm: RmsNorm;
  readonly #gateUp: AdaptedProduct;
  readonly #activation: SiluMul;
  readonly #down: AdaptedProduct;

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
    const product = (
      group: ProjectionGroup,
      weights: LinearWeights,
      io: { x: GPUBuffer; y: GPUBuffer },
    ): AdaptedProduct => {
      const place = { layer, group };
      const options = { accumulate: io.y === x, uniforms };
      const { tiles } = parts.products.of(weights.weight);
      if (!isListed(tiles, kernels)) {
        const linear = new ManyTokenLinear(kernels, { ...io, ...weights }, { ...options, tiles });
        return addedProduct(linear, parts.adapters.added(place, { ...io, rows: places.rows }));
      }
      const adapters = parts.adapters.listed(place, { x: io.x, rows: places.rows });
      const linear = new FewTokenLinear(
        kernels,
        { ...io, ...weights, adapters: adapters.list },
        { ...options, share: "lanes", oneKernel: true },
      );
      return listedProduct(linear, adapters);
    };
    const cache = parts.caches[layer];
    const { maxBlocks } = shape;
    this.#inputNorm = norm(weights.inputNorm);
    this.#qkv = product("qkv", weights.qkv, { x: normed, y: qkv });
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
    this.#out = product("o", weights.out, { x: attended, y: x });
    this.#postNorm = norm(weights.postNorm);
    this.#gateUp = product("gate_up", weights.gateUp, { x: normed, y: gateUp });
    this.#activation = new SiluMul(kernels, { x: gateUp, y: activated }, {
      width: config.intermediateSize,
      uniforms,
    });
    this.#down = product("down", weights.down, { x: activated, y: x });
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

/** Whether prompts of any length have the product of decoding rows, which adds the adapters' share itself. */
function isListed(tiles: TilePlan, { hasSubgroups }: KernelSet): boolean {
  return hasSubgroups && tiles.every(({ tile }) => tile === "lanes");
}
