/** A dispatch as it was recorded, to be recorded again. */
export interface Dispatch {
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  offsets: number[];
  grid: [number, number, number];
  /** Labels of the buffers in `group`. */
  buffers: readonly string[];
}

/** How often WebGPU was called. */
export interface GpuCounts {
  dispatches: number;
  submits: number;
  writes: number;
  writtenBytes: number;
  bindGroups: number;
  buffers: number;
  pipelines: number;
  shaderModules: number;
}

const NONE: GpuCounts = {
  dispatches: 0,
  submits: 0,
  writes: 0,
  writtenBytes: 0,
  bindGroups: 0,
  buffers: 0,
  pipelines: 0,
  shaderModules: 0,
};

/** Watches all WebGPU calls of this thread from its making until it is disposed; see `unwatched`. */
export class GpuCalls implements Disposable {
  counts: GpuCounts = { ...NONE };
  dispatches: Dispatch[] = [];
  /** The latest device that made a bind group. */
  device: GPUDevice | null = null;
  readonly #labels = new WeakMap<GPUBindGroup, string[]>();
  readonly #restore: (() => void)[] = [];

  constructor() {
    this.#watch();
  }

  /** Counts from nothing again. */
  reset(): void {
    this.counts = { ...NONE };
    this.dispatches = [];
  }

  /** Runs `body` with WebGPU as it is: for what is timed. */
  async unwatched<T>(body: () => Promise<T>): Promise<T> {
    this[Symbol.dispose]();
    try {
      return await body();
    } finally {
      this.#watch();
    }
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore.splice(0).reverse()) restore();
  }

  #watch(): void {
    this.#watchCreation();
    this.#watchQueue();
    this.#watchPasses();
  }

  #watchCreation(): void {
    const { prototype } = GPUDevice;
    const labels = this.#labels;
    this.#wrap(prototype, "createBindGroup", (device, group, descriptor) => {
      this.device = device;
      this.counts.bindGroups++;
      labels.set(group, [...descriptor.entries].flatMap(({ resource }) => labelOf(resource)));
    });
    this.#wrap(prototype, "createBuffer", () => this.counts.buffers++);
    this.#wrap(prototype, "createShaderModule", () => this.counts.shaderModules++);
    this.#wrap(prototype, "createComputePipeline", () => this.counts.pipelines++);
    this.#wrap(prototype, "createComputePipelineAsync", () => this.counts.pipelines++);
  }

  #watchQueue(): void {
    const { prototype } = GPUQueue;
    this.#wrap(prototype, "submit", () => this.counts.submits++);
    this.#wrap(prototype, "writeBuffer", (_queue, _, _buffer, _offset, data, from, size) => {
      this.counts.writes++;
      this.counts.writtenBytes += bytesOf(data, from, size);
    });
  }

  #watchPasses(): void {
    const { prototype } = GPUComputePassEncoder;
    let pipeline: GPUComputePipeline;
    let group: GPUBindGroup;
    let offsets: number[];
    this.#wrap(prototype, "setPipeline", (_pass, _, given) => {
      pipeline = given;
    });
    this.#wrap(prototype, "setBindGroup", (_pass, _, _index, given, dynamic, from, count) => {
      group = given!;
      const all = [...(dynamic as Iterable<number> | undefined) ?? []];
      offsets = count === undefined ? all : all.slice(from, from + count);
    });
    this.#wrap(prototype, "dispatchWorkgroups", (_pass, _, x, y = 1, z = 1) => {
      this.counts.dispatches++;
      const buffers = this.#labels.get(group) ?? [];
      this.dispatches.push({ pipeline, group, offsets, grid: [x, y, z], buffers });
    });
  }

  /** Calls `seen` behind each call of a method, with the object, the result and the arguments. */
  #wrap<T extends object, K extends keyof T>(
    prototype: T,
    name: K,
    // deno-lint-ignore no-explicit-any -- the methods' arguments and results have nothing in common
    seen: (target: any, result: any, ...args: any[]) => void,
  ): void {
    // deno-lint-ignore no-explicit-any -- as above
    const original = prototype[name] as any;
    // deno-lint-ignore no-explicit-any -- as above
    prototype[name] = function (this: T, ...args: any[]) {
      const result = original.apply(this, args);
      seen(this, result, ...args);
      return result;
    } as T[K];
    this.#restore.push(() => prototype[name] = original);
  }
}

function labelOf(resource: GPUBindingResource): string[] {
  if (resource instanceof GPUBuffer) return [resource.label];
  return "buffer" in resource ? [resource.buffer.label] : [];
}

/** What writeBuffer moves: `from` and `size` count elements of a typed array, bytes of anything else. */
function bytesOf(data: BufferSource, from = 0, size?: number): number {
  const element = "BYTES_PER_ELEMENT" in data ? Number(data.BYTES_PER_ELEMENT) : 1;
  return size === undefined ? data.byteLength - from * element : size * element;
}
