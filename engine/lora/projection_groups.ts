import {
  type AdapterModule,
  MAX_MIXTURE,
  type Projection,
  PROJECTIONS,
  projectionShape,
} from "../core/adapter_weights.ts";
import type { ModelConfig } from "../core/model_config.ts";
import type { LoraGroup } from "../kernels/mod.ts";

/** Projections that share their input, and are computed together. */
export type ProjectionGroup = "qkv" | "o" | "gate_up" | "down";

const MEMBERS: Record<ProjectionGroup, readonly Projection[]> = {
  qkv: ["q", "k", "v"],
  o: ["o"],
  gate_up: ["gate", "up"],
  down: ["down"],
};
export const PROJECTION_GROUPS = Object.keys(MEMBERS) as ProjectionGroup[];

/** Modules of a layer in the slot table. */
const PER_LAYER = PROJECTIONS.length;

/** Where a model's adapters lie in the pools: the same in every layer. */
export class PoolLayout {
  readonly #config: ModelConfig;
  readonly #rankRows: number;
  readonly #maxRank: number;

  /** `rankRows` is each projection's share of a pool, `maxRank` the largest rank of an adapter. */
  constructor(config: ModelConfig, sizes: { rankRows: number; maxRank: number }) {
    this.#config = config;
    this.#rankRows = sizes.rankRows;
    this.#maxRank = sizes.maxRank;
  }

  /** Modules a slot describes. */
  get modules(): number {
    return this.#config.numLayers * PER_LAYER;
  }

  /** f32 elements a token's ranks take per member. */
  get hStride(): number {
    return Math.ceil(MAX_MIXTURE * this.#maxRank / 4) * 4;
  }

  moduleIndex({ layer, projection }: Pick<AdapterModule, "layer" | "projection">): number {
    return layer * PER_LAYER + PROJECTIONS.indexOf(projection);
  }

  /** Elements of a group's pools in one layer. */
  poolSizes(group: ProjectionGroup): { a: number; b: number } {
    const shapes = MEMBERS[group].map((projection) => projectionShape(this.#config, projection));
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0) * this.#rankRows;
    return { a: sum(shapes.map((s) => s.inSize)), b: sum(shapes.map((s) => s.outSize)) };
  }

  /** The element where rank row `row` of a projection starts in its group's pools. */
  place(projection: Projection, row: number): { group: ProjectionGroup; a: number; b: number } {
    const group = PROJECTION_GROUPS.find((name) => MEMBERS[name].includes(projection))!;
    const { inSize, outSize } = projectionShape(this.#config, projection);
    const before = MEMBERS[group].slice(0, MEMBERS[group].indexOf(projection));
    const bStart = this.#rankRows * this.#outOffset(before);
    return {
      group,
      a: (before.length * this.#rankRows + row) * inSize,
      b: bStart + row * outSize,
    };
  }

  /** A layer's group as the kernels see it. */
  loraGroup(layer: number, group: ProjectionGroup): LoraGroup {
    const members = MEMBERS[group];
    return {
      module: this.moduleIndex({ layer, projection: members[0] }),
      modules: this.modules,
      inSize: projectionShape(this.#config, members[0]).inSize,
      members: members.map((projection, i) => {
        const outOffset = this.#outOffset(members.slice(0, i));
        return {
          aRow: i * this.#rankRows,
          bStart: this.#rankRows * outOffset,
          outSize: projectionShape(this.#config, projection).outSize,
          outOffset,
        };
      }),
      outStride: this.#outOffset(members),
      hStride: this.hStride,
    };
  }

  #outOffset(before: readonly Projection[]): number {
    return before.reduce((sum, p) => sum + projectionShape(this.#config, p).outSize, 0);
  }
}
