import assert from "node:assert/strict";
import { defaultKvBytes, usableMemory } from "../../../engine/runner/memory.ts";

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** A GPU that has so much memory and gives its buffers from it: only a real one could refuse. */
class FakeGpu {
  readonly info = { vendor: "", architecture: "", description: "", isFallback: false };
  readonly limits: GPUSupportedLimits;
  readonly device: GPUDevice;
  inUse = 0;
  peak = 0;
  #scopes: (Error | null)[] = [];
  #freed = 0;

  constructor(memory: number, maxBufferSize = 2 ** 31) {
    this.limits = { maxBufferSize } as GPUSupportedLimits;
    this.device = {
      pushErrorScope: () => this.#scopes.push(null),
      popErrorScope: () => Promise.resolve(this.#scopes.pop()),
      createBuffer: ({ size }: { size: number }) => {
        assert.ok(size <= maxBufferSize && size % 16 === 0 && size > 0, `${size}`);
        const fits = this.inUse + size <= memory;
        if (fits) this.inUse += size;
        else this.#scopes[this.#scopes.length - 1] = new Error("out of memory");
        this.peak = Math.max(this.peak, this.inUse);
        return { destroy: () => this.#freed += fits ? size : 0 };
      },
      queue: {
        submit: () => {
          this.inUse -= this.#freed;
          this.#freed = 0;
        },
        onSubmittedWorkDone: () => Promise.resolve(),
      },
    } as unknown as GPUDevice;
  }
}

Deno.test("a plan that leaves a tenth free may be carried out as it is", async () => {
  const gpu = new FakeGpu(80 * GIB);
  assert.equal(await usableMemory(gpu, 72 * GIB), 72 * GIB);
  assert.equal(await usableMemory(gpu, 10 * MIB), 10 * MIB);
  assert.equal(gpu.inUse, 0);
  assert.ok(gpu.peak >= 80 * GIB - 16);
});

Deno.test("where a plan leaves less, nine tenths of what is there may be used", async () => {
  for (const memory of [8 * GIB, 7.6 * GIB, 24 * GIB - 5 * MIB]) {
    const gpu = new FakeGpu(memory);
    const usable = await usableMemory(gpu, 40 * GIB);
    assert.ok(usable <= 0.9 * memory, `${usable}`);
    assert.ok(usable > 0.9 * (memory - 64 * MIB), `${usable / GIB} GiB of ${memory / GIB} found`);
    assert.equal(gpu.inUse, 0);
  }
});

Deno.test("pieces keep to the largest buffer of the device", async () => {
  const gpu = new FakeGpu(4 * GIB, 256 * MIB);
  assert.equal(await usableMemory(gpu, 2 * GIB), 2 * GIB);
});

Deno.test("a software driver is not tried: it gets its share of what the host has left", async () => {
  const gpu = new FakeGpu(0);
  gpu.info.isFallback = true;
  const usable = await usableMemory(gpu, 10 * GIB);
  const { total } = Deno.systemMemoryInfo();
  assert.ok(usable > 0 && usable <= total / 2);
  assert.equal(gpu.peak, 0);
});

Deno.test("a software driver's cache stays modest, a GPU's follows the machine", () => {
  const gpu = new FakeGpu(0);
  assert.ok(defaultKvBytes(gpu) >= 4 * GIB);
  gpu.info.isFallback = true;
  assert.equal(defaultKvBytes(gpu), 64 * MIB);
});
