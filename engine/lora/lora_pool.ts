import {
  type AdapterHeader,
  type AdapterModule,
  MAX_MIXTURE,
  PROJECTIONS,
  projectionShape,
} from "../core/adapter_weights.ts";
import type { Mixture } from "../core/generation.ts";
import type { ModelConfig } from "../core/model_config.ts";
import type { KernelSet } from "../kernels/mod.ts";
import { NO_SLOT } from "../kernels/mod.ts";
import { checkHeader, checkModule } from "./adapter_checks.ts";
import { GroupAdapters } from "./group_adapters.ts";
import { PoolLayout } from "./projection_groups.ts";
import { RankRowBuffers } from "./rank_row_buffers.ts";
import { type RankRows, rankRows, rowsNeeded } from "./rank_rows.ts";
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

/** What is known of a generation. */
interface Known {
  header: AdapterHeader;
  need: RankRows;
}

/**
 * The adapters on the GPU: pools of rank rows, the table that says where each adapter's rows lie, and
 * the mixture of every batch row. Changing a mixture writes a few numbers and no weights. An adapter
 * is written module by module into rows that nobody reads yet.
 */
export class LoraPool {
  /** What adapters add to each projection group. */
  readonly adapters: GroupAdapters;
  readonly #kernels: KernelSet;
  readonly #options: LoraPoolOptions;
  readonly #layout: PoolLayout;
  readonly #residents: ResidentAdapters;
  readonly #buffers: RankRowBuffers;
  readonly #mix: GPUBuffer;
  /** Of every generation that has a place or is held. */
  readonly #known = new Map<string, Known>();

  constructor(kernels: KernelSet, options: LoraPoolOptions) {
    const { config, maxBatch, maxTokens, maxAdapters, maxLoraRank } = options;
    const { buffers } = kernels.gpu;
    this.#kernels = kernels;
    this.#options = options;
    this.#layout = new PoolLayout(config, { rankRows: options.rankRows, maxRank: maxLoraRank });
    this.#residents = new ResidentAdapters({ maxAdapters, rows: rankRows(() => options.rankRows) });
    this.#buffers = new RankRowBuffers(kernels, this.#layout, {
      numLayers: config.numLayers,
      maxAdapters,
    });
    this.#mix = buffers.from("mixtures", new Uint32Array(maxBatch * MAX_MIXTURE * 2).fill(NO_SLOT));
    this.adapters = new GroupAdapters(kernels, {
      layout: this.#layout,
      buffers: this.#buffers,
      mix: this.#mix,
      maxTokens,
      uniforms: options.uniforms,
    });
  }

  /** Whether it is here as a whole, and batch rows may use it. */
  has(generation: string): boolean {
    return this.#residents.isWhole(generation);
  }

  /** (u32 slot, f32 weight) `[maxBatch, MAX_MIXTURE]`: every batch row's mixture. */
  get mixtures(): GPUBuffer {
    return this.#mix;
  }

  /** Its slot in mixtures; null unless it is here as a whole. */
  slotOf(generation: string): number | null {
    return this.has(generation) ? this.#slot(generation) : null;
  }

  /** What is known of a generation that has a place or is held. */
  header(generation: string): AdapterHeader | undefined {
    return this.#known.get(generation)?.header;
  }

  /**
   * Gives everything named a place and pins it, or pins nothing and returns false because what is pinned
   * leaves no room. What is not here as a whole is then to be written (`missing`, `write`), also what had
   * to move. `headers` has what is not known yet.
   *
   * @throws {WeftError} `bad_adapter` or `unsupported` for adapters that can never be here together.
   */
  place(generations: readonly string[], headers: ReadonlyMap<string, AdapterHeader>): boolean {
    try {
      const requests = generations.map((generation) => ({
        generation,
        need: this.#learn(generation, headers.get(generation)).need,
      }));
      return this.#residents.planAll(requests) !== null && this.#residents.pin(generations);
    } finally {
      this.#forget();
    }
  }

  /** Undoes one `place` of the same. What is not whole then stays until `dropPartial`. */
  release(generations: readonly string[]): void {
    this.#residents.unpin(generations);
  }

  /**
   * From now on this generation is held: see ResidentAdapters.hold.
   *
   * @throws {WeftError} `bad_adapter`, or `overloaded` with reason "gpu_full"; then it is not held.
   */
  hold(generation: string, header: AdapterHeader): void {
    try {
      this.#residents.hold({ generation, need: this.#learn(generation, header).need });
    } finally {
      this.#forget();
    }
  }

  unhold(generation: string): void {
    this.#residents.unhold(generation);
    this.#forget();
  }

  /**
   * Gives a held generation its place at nobody's expense who is pinned or held; false while there is no
   * room.
   *
   * @throws {WeftError} `overloaded`, reason "gpu_full", when only other held ones are in its way.
   */
  placeHeld(generation: string): boolean {
    const plan = this.#residents.planHeld(generation);
    this.#forget();
    return plan !== null;
  }

  /** The first module that a generation with a place lacks; null for one that is whole or has no place. */
  missing(generation: string): number | null {
    if (!this.#residents.has(generation) || this.#residents.isWhole(generation)) return null;
    return this.#residents.written(generation);
  }

  /**
   * Writes the first missing module, and with the last of them the slot that makes it all usable.
   *
   * @throws {WeftError} `bad_adapter` or `internal`: then this generation can never be whole.
   */
  write(generation: string, module: AdapterModule): void {
    const { header } = this.#find(generation);
    const { config } = this.#options;
    const index = this.#residents.written(generation);
    checkModule(generation, module, { header, index, config, dtype: this.#kernels.dtype });
    const place = this.#residents.get(generation)!;
    this.#buffers.writeRows(module, place);
    const last = index + 1 === header.modules.length;
    if (last) this.#buffers.writeSlot(header, place);
    this.#residents.wrote(generation, { last });
  }

  /** Hands what was written to the device, which would keep it in host memory until the next step. */
  flush(): void {
    this.#kernels.gpu.device.queue.submit([]);
  }

  /** Takes the places of what is not whole and not wanted any more. */
  dropPartial(isWanted: (generation: string) => boolean): void {
    for (const generation of this.#residents.residents()) {
      if (!this.has(generation) && !isWanted(generation)) this.#residents.remove(generation);
    }
    this.#forget();
  }

  setMixture(row: number, mixture: Mixture): void {
    const entries = new DataView(new ArrayBuffer(MAX_MIXTURE * 8));
    for (let i = 0; i < MAX_MIXTURE; i++) {
      const entry = mixture.at(i);
      const slot = entry ? this.#slot(entry.generation) : NO_SLOT;
      entries.setUint32(8 * i, slot, true);
      entries.setFloat32(8 * i + 4, entry?.weight ?? 0, true);
    }
    this.#kernels.gpu.device.queue.writeBuffer(this.#mix, row * entries.byteLength, entries);
  }

  /** The largest ranks of a mixture's adapters added up. */
  rankTotal(mixture: Mixture): number {
    return mixture.reduce((sum, { generation }) => sum + this.#find(generation).header.maxRank, 0);
  }

  stats(): {
    resident: string[];
    pinned: string[];
    held: string[];
    bytes: number;
    loads: number;
    evictions: number;
  } {
    const here = this.#residents.residents();
    const whole = here.filter((generation) => this.has(generation));
    return {
      resident: whole,
      pinned: this.#residents.pinned(),
      held: whole.filter((generation) => this.#residents.isHeld(generation)),
      bytes: here.reduce((sum, generation) => sum + this.#bytes(generation), 0),
      ...this.#residents.counts,
    };
  }

  checkIntegrity(): void {
    this.#residents.checkIntegrity();
  }

  #slot(generation: string): number {
    if (!this.has(generation)) throw new Error(`adapter ${generation} is not whole on the GPU`);
    return this.#residents.get(generation)!.slot;
  }

  /** Bytes of the rows a generation occupies. */
  #bytes(generation: string): number {
    const { config } = this.#options;
    const { need } = this.#find(generation);
    const elements = PROJECTIONS.reduce((sum, projection) => {
      const { inSize, outSize } = projectionShape(config, projection);
      return sum + need[projection] * (inSize + outSize);
    }, 0);
    return config.numLayers * elements * this.#kernels.weightBytes;
  }

  #learn(generation: string, header: AdapterHeader | undefined): Known {
    const known = this.#known.get(generation);
    if (known) return known;
    if (!header) throw new Error(`no header was given for adapter ${generation}`);
    const { config, maxLoraRank } = this.#options;
    checkHeader(generation, header, { config, maxRank: maxLoraRank });
    const learnt = { header, need: rowsNeeded(header) };
    this.#known.set(generation, learnt);
    return learnt;
  }

  #find(generation: string): Known {
    const known = this.#known.get(generation);
    if (!known) throw new Error(`adapter ${generation} is not known`);
    return known;
  }

  #forget(): void {
    for (const generation of this.#known.keys()) {
      if (this.#residents.has(generation) || this.#residents.isHeld(generation)) continue;
      this.#known.delete(generation);
    }
  }
}
