import assert from "node:assert/strict";
import { type AdapterWeights, projectionShape } from "../../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../../engine/core/model_config.ts";
import type { KernelSet } from "../../../engine/kernels/mod.ts";
import { LoraPool } from "../../../engine/lora/mod.ts";
import { PoolLayout } from "../../../engine/lora/projection_groups.ts";

const CONFIG = {
  numLayers: 2,
  hiddenSize: 2,
  intermediateSize: 3,
  numHeads: 2,
  numKvHeads: 1,
  headDim: 2,
} as ModelConfig;

interface PaperBuffer {
  label: string;
  bytes: Uint8Array;
}

/** A pool whose GPU is plain memory, so that a test can look at what lies where. */
export class PaperPool {
  readonly config = CONFIG;
  readonly pool: LoraPool;
  readonly #layout: PoolLayout;
  readonly #buffers = new Map<string, PaperBuffer>();

  constructor(size: { maxAdapters: number; rankRows: number; maxLoraRank: number }) {
    const storage = (label: string, bytes: number): PaperBuffer => {
      const buffer = { label, bytes: new Uint8Array(bytes) };
      this.#buffers.set(label, buffer);
      return buffer;
    };
    const queue = {
      submit() {},
      writeBuffer({ bytes }: PaperBuffer, offset: number, data: ArrayBufferView) {
        bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
      },
    };
    const from = (label: string, data: Uint32Array) => storage(label, data.byteLength);
    const kernels = {
      gpu: { buffers: { storage, from }, device: { queue } },
      dtype: "f32",
      weightBytes: 4,
    } as unknown as KernelSet;
    const uniforms = {} as GPUBuffer;
    this.pool = new LoraPool(kernels, {
      ...size,
      config: CONFIG,
      maxBatch: 1,
      maxTokens: 1,
      uniforms,
    });
    this.#layout = new PoolLayout(CONFIG, {
      rankRows: size.rankRows,
      maxRank: size.maxLoraRank,
    });
  }

  /** Throws unless a kernel that follows the tables would find every value of this adapter. */
  assertWhole(weights: AdapterWeights): void {
    const { generation, modules } = weights;
    this.pool.setMixture(0, [{ generation, weight: 1 }]);
    const slot = this.#u32("mixtures", 0);
    for (const { layer, projection, rank, scale, a, b } of modules) {
      const what = `${generation} layer ${layer} ${projection}`;
      const entry = slot * this.#layout.modules + this.#layout.moduleIndex({ layer, projection });
      const row = this.#u32("adapter slots", 16 * entry);
      assert.equal(this.#u32("adapter slots", 16 * entry + 4), rank, `${what}: rank`);
      assert.equal(this.#f32("adapter slots", 16 * entry + 8), Math.fround(scale), what);
      const at = this.#layout.place(projection, row);
      const { inSize, outSize } = projectionShape(CONFIG, projection);
      for (let r = 0; r < rank; r++) {
        for (let i = 0; i < inSize; i++) {
          const label = `layer ${layer} ${at.group} adapters A`;
          const stored = this.#f32(label, 4 * (at.a + r * inSize + i));
          assert.equal(stored, a[r * inSize + i], `${what}: A`);
        }
        for (let o = 0; o < outSize; o++) {
          const label = `layer ${layer} ${at.group} adapters B`;
          const stored = this.#f32(label, 4 * (at.b + r * outSize + o));
          assert.equal(stored, b[o * rank + r], `${what}: B`);
        }
      }
    }
    const adapted = new Set(modules.map((module) => this.#layout.moduleIndex(module)));
    for (let index = 0; index < this.#layout.modules; index++) {
      const rank = this.#u32("adapter slots", 16 * (slot * this.#layout.modules + index) + 4);
      assert.equal(rank > 0, adapted.has(index), `${generation}: module ${index}`);
    }
  }

  #u32(label: string, at: number): number {
    const { bytes } = this.#buffers.get(label)!;
    return new DataView(bytes.buffer).getUint32(at, true);
  }

  #f32(label: string, at: number): number {
    const { bytes } = this.#buffers.get(label)!;
    return new DataView(bytes.buffer).getFloat32(at, true);
  }
}
