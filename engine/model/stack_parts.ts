import type { ModelConfig } from "../core/model_config.ts";
import type { Bindable, Recorder } from "../gpu/mod.ts";
import type { KernelSet, KvCache, ProductChoices, RankList } from "../kernels/mod.ts";
import type { ProjectionGroup } from "../lora/mod.ts";
import type { StepBuffers, StepShape } from "./step_buffers.ts";
import type { ModelWeights } from "./weights.ts";

/** Work that adapters add to a step. */
export interface GroupAdapter {
  record(recorder: Recorder, extent: { tokens: number; rankTotal: number }): void;
}

/** The adapters of one layer's projection group. */
export interface AdapterFactory {
  /** Adds the adapters' share to y. */
  added(
    place: { layer: number; group: ProjectionGroup },
    buffers: { x: GPUBuffer; y: GPUBuffer; rows: GPUBuffer },
  ): GroupAdapter;
  /** Fills a list with which the group's product, a FewTokenLinear, adds the share itself. */
  listed(
    place: { layer: number; group: ProjectionGroup },
    buffers: { x: Bindable; rows: GPUBuffer },
  ): GroupAdapter & { list: RankList };
}

/** What all layers share. */
export interface StackParts {
  kernels: KernelSet;
  products: ProductChoices;
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
