import type { AdapterHeader, AdapterModule } from "../core/adapter_weights.ts";
import type { KernelSet } from "../kernels/mod.ts";
import { type PoolLayout, PROJECTION_GROUPS, type ProjectionGroup } from "./projection_groups.ts";
import type { Place } from "./rank_row_pool.ts";

/** Weights as the GPU stores them. */
type Stored = Float16Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

const STRIP = 16;

/** A layer's rank rows of one projection group. */
interface GroupRows {
  a: GPUBuffer;
  b: GPUBuffer;
}

/** The GPU's memory for adapters: rank rows of every layer, and the table that says whose they are. */
export class RankRowBuffers {
  readonly slots: GPUBuffer;
  readonly #kernels: KernelSet;
  readonly #layout: PoolLayout;
  #scratch: Stored = new Float32Array(0);
  readonly #layers: Record<ProjectionGroup, GroupRows>[];

  constructor(
    kernels: KernelSet,
    layout: PoolLayout,
    { numLayers, maxAdapters }: { numLayers: number; maxAdapters: number },
  ) {
    const { buffers } = kernels.gpu;
    this.#kernels = kernels;
    this.#layout = layout;
    this.slots = buffers.storage("adapter slots", maxAdapters * layout.modules * 16);
    this.#layers = Array.from({ length: numLayers }, (_, layer) => {
      const rows = (group: ProjectionGroup): GroupRows => {
        const { a, b } = layout.poolSizes(group);
        const label = `layer ${layer} ${group} adapters`;
        return {
          a: buffers.storage(`${label} A`, a * kernels.weightBytes),
          b: buffers.storage(`${label} B`, b * kernels.weightBytes),
        };
      };
      const groups = PROJECTION_GROUPS.map((group) => [group, rows(group)]);
      return Object.fromEntries(groups) as Record<ProjectionGroup, GroupRows>;
    });
  }

  group(layer: number, group: ProjectionGroup): GroupRows {
    return this.#layers[layer][group];
  }

  /** Says in the table where an adapter lies: the last that is written of it. */
  writeSlot({ modules }: AdapterHeader, { slot, offset }: Place): void {
    const table = new DataView(new ArrayBuffer(this.#layout.modules * 16));
    for (const module of modules) {
      const at = 16 * this.#layout.moduleIndex(module);
      table.setUint32(at, offset[module.projection], true);
      table.setUint32(at + 4, module.rank, true);
      table.setFloat32(at + 8, module.scale, true);
    }
    const { queue } = this.#kernels.gpu.device;
    queue.writeBuffer(this.slots, slot * table.byteLength, table);
  }

  writeRows({ layer, projection, rank, a, b }: AdapterModule, { offset }: Place): void {
    const { weightBytes, gpu } = this.#kernels;
    const at = this.#layout.place(projection, offset[projection]);
    const rows = this.#layers[layer][at.group];
    const { queue } = gpu.device;
    // writeBuffer has copied when it returns, so one scratch does for all.
    const storedA = this.#scratchOf(a.length);
    storedA.set(a);
    queue.writeBuffer(rows.a, at.a * weightBytes, storedA);
    const storedB = this.#scratchOf(b.length);
    transpose(b, rank, storedB);
    queue.writeBuffer(rows.b, at.b * weightBytes, storedB);
  }

  /** Elements to be filled and written at once; memory that is there already is three times as fast. */
  #scratchOf(length: number): Stored {
    if (this.#scratch.length < length) {
      this.#scratch = this.#kernels.dtype === "f16"
        ? new Float16Array(length)
        : new Float32Array(length);
    }
    return this.#scratch.subarray(0, length);
  }
}

/** `[out, rank]`, as PEFT stores B, to `[rank, out]`, as the kernels read it. */
function transpose(b: Float32Array, rank: number, rows: Stored): void {
  const out = b.length / rank;
  // In strips that stay in the cache: row by row it takes eight times as long.
  for (let start = 0; start < out; start += STRIP) {
    const end = Math.min(out, start + STRIP);
    for (let r = 0; r < rank; r++) {
      for (let o = start; o < end; o++) rows[r * out + o] = b[o * rank + r];
    }
  }
}
