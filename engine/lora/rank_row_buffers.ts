import type { AdapterHeader, AdapterModule } from "../core/adapter_weights.ts";
import type { KernelSet } from "../kernels/mod.ts";
import { type PoolLayout, PROJECTION_GROUPS, type ProjectionGroup } from "./projection_groups.ts";
import type { Place } from "./rank_row_pool.ts";

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
    queue.writeBuffer(rows.a, at.a * weightBytes, this.#stored(a));
    queue.writeBuffer(rows.b, at.b * weightBytes, this.#stored(transpose(b, rank)));
  }

  #stored(values: Float32Array): ArrayBufferView<ArrayBuffer> {
    return this.#kernels.dtype === "f16" ? new Float16Array(values) : Float32Array.from(values);
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
