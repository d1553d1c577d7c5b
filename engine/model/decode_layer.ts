import type { Bindable, Recorder } from "../gpu/mod.ts";
import {
  Attention,
  canGate,
  FewTokenLinear,
  type ResidualStream,
  RopeKv,
  SiluMul,
} from "../kernels/mod.ts";
import type { ProjectionGroup } from "../lora/mod.ts";
import { type AdaptedProduct, listedProduct } from "./adapted_product.ts";
import type { Segment, StackParts } from "./stack_parts.ts";
import type { LinearWeights } from "./weights.ts";

/**
 * A pre-norm decoder layer for rows that decode, in as few dispatches as there are: the products do
 * the norms, the adapters' second half, the activation and the residual sums.
 */
export class DecodeLayer {
  readonly #qkv: AdaptedProduct;
  readonly #ropeKv: RopeKv;
  readonly #attention: Attention;
  readonly #out: AdaptedProduct;
  readonly #gateUp: AdaptedProduct;
  /** Only where gates and ups lie in several buffers. */
  readonly #activation: SiluMul | null;
  readonly #down: AdaptedProduct;

  constructor(layer: number, parts: StackParts) {
    const { kernels, config, shape, buffers, uniforms, caches } = parts;
    const weights = parts.weights.layers[layer];
    const { stream, qkv, attended, gateUp, activated } = buffers;
    const places = buffers.decode;
    const product = (
      group: ProjectionGroup,
      weights: LinearWeights,
      io: {
        x: GPUBuffer | ResidualStream;
        y: GPUBuffer | ResidualStream;
        nextNorm?: GPUBuffer;
      },
      gated = false,
    ) => {
      const x: Bindable = "weighted" in io.x ? io.x.weighted : io.x;
      const adapters = parts.adapters.listed({ layer, group }, { x, rows: places.rows });
      const linear = new FewTokenLinear(
        kernels,
        { ...io, ...weights, adapters: adapters.list },
        { uniforms, eps: config.rmsNormEps, gated, share: parts.products.of(weights.weight).share },
      );
      return listedProduct(linear, adapters);
    };
    const cache = caches[layer];
    const { maxBlocks, maxModelLen } = shape;
    const gated = canGate(weights.gateUp.weight);
    this.#qkv = product("qkv", weights.qkv, { x: stream, y: qkv });
    this.#ropeKv = new RopeKv(
      kernels,
      { x: qkv, places, rotation: parts.rotation, headNorm: weights.headNorm, cache },
      { config, maxBlocks, uniforms },
    );
    this.#attention = new Attention(
      kernels,
      { x: qkv, places, cache, y: attended, parts: buffers.parts },
      { config, maxBlocks, maxModelLen, uniforms },
    );
    this.#out = product("o", weights.out, { x: attended, y: stream, nextNorm: weights.postNorm });
    this.#gateUp = product(
      "gate_up",
      weights.gateUp,
      { x: stream, y: gated ? activated : gateUp },
      gated,
    );
    this.#activation = gated ? null : new SiluMul(kernels, { x: gateUp, y: activated }, {
      width: config.intermediateSize,
      uniforms,
    });
    // Behind the last layer it isn't needed; but so there is one kernel less to compile.
    const nextNorm = parts.weights.layers[layer + 1]?.inputNorm ?? parts.weights.finalNorm;
    this.#down = product("down", weights.down, { x: activated, y: stream, nextNorm });
  }

  /** The stream's weighted rows must be there: NormParts or the layer before makes them. */
  record(recorder: Recorder, segment: Segment): void {
    this.#qkv.record(recorder, segment);
    this.#ropeKv.record(recorder, segment.tokens);
    this.#attention.record(recorder, segment);
    this.#out.record(recorder, segment);
    this.#gateUp.record(recorder, segment);
    this.#activation?.record(recorder, segment.tokens);
    this.#down.record(recorder, segment);
  }
}
