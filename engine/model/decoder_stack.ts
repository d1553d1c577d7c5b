import type { ModelConfig } from "../core/model_config.ts";
import type { Recorder } from "../gpu/mod.ts";
import {
  Attention,
  Embed,
  type KernelSet,
  type KvCache,
  Linear,
  RmsNorm,
  RopeKv,
  SiluMul,
} from "../kernels/mod.ts";
import type { ProjectionGroup } from "../lora/mod.ts";
import type { StepBuffers, StepShape } from "./step_buffers.ts";
import type { LayerWeights, LinearWeights, ModelWeights } from "./weights.ts";

/** Adds the adapters' share to a projection group's output. */
export interface GroupAdapter {
  record(recorder: Recorder, extent: { tokens: number; rankTotal: number }): void;
}

/** The adapters of one layer's group as a step of this kind sees them. */
export type AdapterFactory = (
  place: { layer: number; group: ProjectionGroup; kind: "prefill" | "decode" },
  buffers: { x: GPUBuffer; y: GPUBuffer; rows: GPUBuffer },
) => GroupAdapter;

/** What all layers share. */
export interface StackParts {
  kernels: KernelSet;
  config: ModelConfig;
  shape: StepShape;
  weights: ModelWeights;
  buffers: StepBuffers;
  caches: readonly KvCache[];
  rotation: GPUBuffer;
  adapters: AdapterFactory;
  uniforms: GPUBuffer;
}

/** A step's tokens of one kind. */
export interface Segment {
  tokens: number;
  /** The longest context among them. */
  contextLength: number;
  /** The largest sum of ranks in any token's mixture; 0 when none has adapters. */
  rankTotal: number;
}

/** Embedding and layers for tokens of one kind, from ids to the residual stream. */
export class DecoderStack {
  readonly #embed: Embed;
  readonly #layers: DecoderLayer[];

  constructor(kind: "prefill" | "decode", parts: StackParts) {
    const { kernels, weights, buffers, uniforms } = parts;
    const { tokens } = buffers[kind];
    this.#embed = new Embed(kernels, { tokens, table: weights.embedding, x: buffers.x }, {
      uniforms,
    });
    this.#layers = weights.layers.map((_, layer) => new DecoderLayer(kind, layer, parts));
  }

  record(recorder: Recorder, segment: Segment): void {
    this.#embed.record(recorder, segment.tokens);
    for (const layer of this.#layers) layer.record(recorder, segment);
  }
}

/** One pre-norm decoder layer: attention and gated MLP, each added to the residual stream. */
class DecoderLayer {
  readonly #kind: "prefill" | "decode";
  readonly #inputNorm: RmsNorm;
  readonly #qkv: AdaptedLinear;
  readonly #ropeKv: RopeKv;
  readonly #attention: Attention;
  readonly #out: AdaptedLinear;
  readonly #postNorm: RmsNorm;
  readonly #gateUp: AdaptedLinear;
  readonly #activation: SiluMul;
  readonly #down: AdaptedLinear;

  constructor(kind: "prefill" | "decode", layer: number, parts: StackParts) {
    const { kernels, config, shape, buffers, uniforms } = parts;
    const weights: LayerWeights = parts.weights.layers[layer];
    const { x, normed, qkv, attended, gateUp, activated } = buffers;
    const places = buffers[kind];
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
        new Linear(kernels, { ...io, ...weights }, { accumulate: io.y === x, uniforms }),
        parts.adapters({ layer, group, kind }, { ...io, rows: places.rows }),
      );
    const cache = parts.caches[layer];
    const { maxBlocks, maxModelLen } = shape;
    this.#kind = kind;
    this.#inputNorm = norm(weights.inputNorm);
    this.#qkv = linear("qkv", weights.qkv, { x: normed, y: qkv });
    this.#ropeKv = new RopeKv(
      kernels,
      { x: qkv, places, rotation: parts.rotation, headNorm: weights.headNorm, cache },
      { config, maxBlocks, uniforms },
    );
    this.#attention = new Attention(
      kernels,
      { x: qkv, places, cache, y: attended, parts: buffers.parts },
      { config, maxBlocks, maxModelLen, kind, uniforms },
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
    this.#qkv.record(recorder, segment, this.#kind);
    this.#ropeKv.record(recorder, tokens);
    this.#attention.record(recorder, segment);
    this.#out.record(recorder, segment, this.#kind);
    this.#postNorm.record(recorder, tokens);
    this.#gateUp.record(recorder, segment, this.#kind);
    this.#activation.record(recorder, tokens);
    this.#down.record(recorder, segment, this.#kind);
  }
}

/** A projection group and its adapters: `y = W x + Σ wᵢ·sᵢ·Bᵢ(Aᵢ x)`. */
class AdaptedLinear {
  readonly #linear: Linear;
  readonly #adapter: GroupAdapter;

  constructor(linear: Linear, adapter: GroupAdapter) {
    this.#linear = linear;
    this.#adapter = adapter;
  }

  record(recorder: Recorder, segment: Segment, kind: "prefill" | "decode"): void {
    this.#linear.record(recorder, segment.tokens, kind);
    if (segment.rankTotal > 0) this.#adapter.record(recorder, segment);
  }
}
