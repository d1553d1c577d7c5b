import { type AdapterWeights, MAX_MIXTURE } from "../core/adapter_weights.ts";
import { F16_MAX } from "../core/dtype.ts";
import { WeftError } from "../core/errors.ts";
import type { Mixture } from "../core/generation.ts";
import type { ModelConfig } from "../core/model_config.ts";
import type { Recorder } from "../gpu/mod.ts";
import { type KernelSet, LoraExpand, LoraShrink, type LoraStep, NO_SLOT } from "../kernels/mod.ts";
import { PoolLayout, PROJECTION_GROUPS, type ProjectionGroup } from "./projection_groups.ts";
import { type RankRows, rankRows, rowsNeeded } from "./rank_rows.ts";
import type { Place } from "./rank_row_pool.ts";
import { ResidentAdapters } from "./resident_adapters.ts";

export interface LoraPoolOptions {
  config: ModelConfig;
  maxBatch: number;
  /** Tokens of a step at most. */
  maxTokens: number;
  maxAdapters: number;
  maxLoraRank: number;
  /** Rank rows of each projection. */
  rankRows: number;
  uniforms: GPUBuffer;
}

/** A layer's rank rows of one projection group. */
interface GroupPool {
  a: GPUBuffer;
  b: GPUBuffer;
}

/**
 * The adapters on the GPU: pools of rank rows, the table that says where each adapter's rows lie, and
 * the mixture of every batch row. Changing a mixture writes a few numbers and no weights.
 */
export class LoraPool {
  readonly #kernels: KernelSet;
  readonly #options: LoraPoolOptions;
  readonly #layout: PoolLayout;
  readonly #residents: ResidentAdapters;
  readonly #pools: Record<ProjectionGroup, GroupPool>[];
  readonly #slots: GPUBuffer;
  readonly #mix: GPUBuffer;
  readonly #h: GPUBuffer;
  /** What is known of each resident generation. */
  readonly #adapters = new Map<string, { maxRank: number; need: RankRows }>();
  /** Found to hold what f16 can hold; one that waits for room is offered again and again. */
  readonly #checked = new WeakSet<AdapterWeights>();
  #loads = 0;
  #evictions = 0;

  constructor(kernels: KernelSet, options: LoraPoolOptions) {
    const { config, maxBatch, maxTokens, maxAdapters, maxLoraRank } = options;
    const { buffers } = kernels.gpu;
    this.#kernels = kernels;
    this.#options = options;
    this.#layout = new PoolLayout(config, { rankRows: options.rankRows, maxRank: maxLoraRank });
    this.#residents = new ResidentAdapters({ maxAdapters, rows: rankRows(() => options.rankRows) });
    this.#pools = Array.from({ length: config.numLayers }, (_, layer) => {
      const pool = (group: ProjectionGroup): GroupPool => {
        const { a, b } = this.#layout.poolSizes(group);
        const label = `layer ${layer} ${group} adapters`;
        return {
          a: buffers.storage(`${label} A`, a * kernels.weightBytes),
          b: buffers.storage(`${label} B`, b * kernels.weightBytes),
        };
      };
      const groups = PROJECTION_GROUPS.map((group) => [group, pool(group)]);
      return Object.fromEntries(groups) as Record<ProjectionGroup, GroupPool>;
    });
    this.#slots = buffers.storage("adapter slots", maxAdapters * this.#layout.modules * 16);
    this.#mix = buffers.from("mixtures", new Uint32Array(maxBatch * MAX_MIXTURE * 2).fill(NO_SLOT));
    this.#h = buffers.storage("adapter ranks", maxTokens * 3 * this.#layout.hStride * 4);
  }

  /** Makes the share that adapters add to a projection group of a layer. */
  readonly adapters = (
    place: { layer: number; group: ProjectionGroup; kind: LoraStep["kind"] },
    buffers: { x: GPUBuffer; y: GPUBuffer; rows: GPUBuffer },
  ): { record(recorder: Recorder, extent: { tokens: number; rankTotal: number }): void } => {
    const { layer, group, kind } = place;
    const { x, y, rows } = buffers;
    const shape = this.#layout.loraGroup(layer, group);
    const { a, b } = this.#pools[layer][group];
    const tables = { rows, mix: this.#mix, slots: this.#slots, h: this.#h };
    const { uniforms } = this.#options;
    const shrink = new LoraShrink(this.#kernels, shape, { ...tables, x, a }, uniforms);
    const expand = new LoraExpand(this.#kernels, shape, { ...tables, y, b }, uniforms);
    return {
      record(recorder, { tokens, rankTotal }) {
        const step: LoraStep = { tokens, maxTotalRank: rankTotal, kind };
        shrink.record(recorder, step);
        expand.record(recorder, step);
      },
    };
  };

  has(generation: string): boolean {
    return this.#residents.has(generation);
  }

  /**
   * Uploads what is given and pins everything named, or pins nothing and returns false: because what
   * is pinned leaves no room, or because a generation without given weights had to go (`has` tells).
   *
   * @throws {WeftError} `bad_adapter` or `unsupported` for adapters that can never be here together.
   */
  place(generations: readonly string[], weights: ReadonlyMap<string, AdapterWeights>): boolean {
    for (const generation of generations) {
      const given = weights.get(generation);
      if (given) this.#register(given);
    }
    try {
      const plan = this.#residents.planAll(
        generations.map((generation) => ({ generation, need: this.#known(generation).need })),
      );
      if (!plan) return false;
      this.#evictions += plan.evicted.length;
      for (const { generation, upload, ...place } of plan.places) {
        if (!upload) continue;
        const given = weights.get(generation);
        if (given) this.#upload(given, place);
        else this.#residents.remove(generation);
      }
      return this.#residents.pin(generations);
    } finally {
      for (const generation of this.#adapters.keys()) {
        if (!this.has(generation)) this.#adapters.delete(generation);
      }
    }
  }

  release(generations: readonly string[]): void {
    this.#residents.unpin(generations);
  }

  setMixture(row: number, mixture: Mixture): void {
    const entries = new DataView(new ArrayBuffer(MAX_MIXTURE * 8));
    for (let i = 0; i < MAX_MIXTURE; i++) {
      const entry = mixture.at(i);
      const slot = entry ? this.#residents.get(entry.generation)!.slot : NO_SLOT;
      entries.setUint32(8 * i, slot, true);
      entries.setFloat32(8 * i + 4, entry?.weight ?? 0, true);
    }
    this.#kernels.gpu.device.queue.writeBuffer(this.#mix, row * entries.byteLength, entries);
  }

  /** The largest ranks of a mixture's adapters added up. */
  rankTotal(mixture: Mixture): number {
    return mixture.reduce((sum, { generation }) => sum + this.#known(generation).maxRank, 0);
  }

  stats(): { resident: string[]; pinned: string[]; loads: number; evictions: number } {
    return {
      resident: this.#residents.residents(),
      pinned: this.#residents.pinned(),
      loads: this.#loads,
      evictions: this.#evictions,
    };
  }

  checkIntegrity(): void {
    this.#residents.checkIntegrity();
  }

  #register(adapter: AdapterWeights): void {
    const { maxLoraRank } = this.#options;
    const { generation, maxRank } = adapter;
    if (maxRank > maxLoraRank) {
      throw new WeftError(
        "bad_adapter",
        `Cannot load adapter ${generation}: rank ${maxRank} exceeds the configured maximum ${maxLoraRank}`,
      );
    }
    if (this.#kernels.dtype === "f16" && !this.#checked.has(adapter)) {
      refuseBeyondF16(adapter);
      this.#checked.add(adapter);
    }
    this.#adapters.set(generation, { maxRank, need: rowsNeeded(adapter) });
  }

  #known(generation: string): { maxRank: number; need: RankRows } {
    const known = this.#adapters.get(generation);
    if (!known) throw new Error(`no weights were given for adapter ${generation}`);
    return known;
  }

  #upload(adapter: AdapterWeights, place: Place): void {
    this.#loads++;
    this.#writeSlot(adapter, place);
    this.#writeRows(adapter, place);
  }

  #writeSlot({ modules }: AdapterWeights, { slot, offset }: Place): void {
    const table = new DataView(new ArrayBuffer(this.#layout.modules * 16));
    for (const module of modules) {
      const at = 16 * this.#layout.moduleIndex(module);
      table.setUint32(at, offset[module.projection], true);
      table.setUint32(at + 4, module.rank, true);
      table.setFloat32(at + 8, module.scale, true);
    }
    const { queue } = this.#kernels.gpu.device;
    queue.writeBuffer(this.#slots, slot * table.byteLength, table);
  }

  #writeRows({ modules }: AdapterWeights, { offset }: Place): void {
    const { weightBytes, gpu } = this.#kernels;
    for (const { layer, projection, rank, a, b } of modules) {
      const at = this.#layout.place(projection, offset[projection]);
      const pool = this.#pools[layer][at.group];
      const { queue } = gpu.device;
      queue.writeBuffer(pool.a, at.a * weightBytes, this.#stored(a));
      queue.writeBuffer(pool.b, at.b * weightBytes, this.#stored(transpose(b, rank)));
    }
  }

  #stored(values: Float32Array): ArrayBufferView<ArrayBuffer> {
    return this.#kernels.dtype === "f16" ? new Float16Array(values) : Float32Array.from(values);
  }
}

/** Rounded to f16 such a value would be an infinity, and every answer no number. */
function refuseBeyondF16({ generation, modules }: AdapterWeights): void {
  for (const { layer, projection, a, b } of modules) {
    for (const values of [a, b]) {
      const value = values.find((value) => !(Math.abs(value) <= F16_MAX));
      if (value === undefined) continue;
      throw new WeftError(
        "bad_adapter",
        `Cannot load adapter ${generation}: ${projection}_proj of layer ${layer} holds ${value}, ` +
          `beyond f16's largest value ${F16_MAX}: use --dtype f32`,
      );
    }
  }
}

/** `[out, rank]`, as PEFT stores B, to `[rank, out]`, as the kernels read it. */
function transpose(b: Float32Array, rank: number): Float32Array {
  const out = b.length / rank;
  const rows = new Float32Array(b.length);
  for (let o = 0; o < out; o++) {
    for (let r = 0; r < rank; r++) rows[r * out + o] = b[o * rank + r];
  }
  return rows;
}
