import { secondsEach } from "./seconds_each.ts";

const COPY_WGSL = `
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 256u + id.x;
  if (i < arrayLength(&source)) { target_[i] = source[i]; }
}`;

const TIMES = 3;

const FMA_ROUNDS = 256;
const FMA_THREADS = 2 ** 18;
const FMA_WGSL = `
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = source[id.x];
  var a = x; var b = x + 1.0; var c = x + 2.0; var d = x + 3.0;
  for (var i = 0u; i < ${FMA_ROUNDS}u; i++) {
    ${"a = fma(a, x, b); b = fma(b, x, c); c = fma(c, x, d); d = fma(d, x, a);\n".repeat(8)}
  }
  target_[id.x] = a + b + c + d;
}`;

/** What a device can do at best. */
export interface Limits {
  /** Bytes read and written per second by a copy of vec4s. */
  streamBytes: number;
  /** Floating point operations (a multiply-add is two) per second, in f32. */
  fmaFlops: number;
}

/** The best of a few times: what other work on the machine takes only makes less of it. */
export async function measureLimits(leastMs?: number): Promise<Limits> {
  const device = await DeviceLimits.open();
  const best = { streamBytes: 0, fmaFlops: 0 };
  for (let i = 0; i < TIMES; i++) {
    best.streamBytes = Math.max(best.streamBytes, await device.streamBytes(leastMs));
    best.fmaFlops = Math.max(best.fmaFlops, await device.fmaFlops(leastMs));
  }
  device.close();
  return best;
}

/** Measures what a device can do, rather than look it up. */
export class DeviceLimits {
  readonly #device: GPUDevice;
  readonly #buffers: GPUBuffer[];
  readonly #bytes: number;

  private constructor(device: GPUDevice) {
    this.#device = device;
    this.#bytes = Math.min(device.limits.maxStorageBufferBindingSize, 2 ** 30) & ~1023;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    this.#buffers = [0, 1].map(() => device.createBuffer({ size: this.#bytes, usage }));
  }

  /** @throws {Error} without a WebGPU adapter. */
  static async open(): Promise<DeviceLimits> {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) throw new Error("No WebGPU adapter: run `deno task setup`");
    const { maxStorageBufferBindingSize, maxBufferSize } = adapter.limits;
    const requiredLimits = { maxStorageBufferBindingSize, maxBufferSize };
    return new DeviceLimits(await adapter.requestDevice({ requiredLimits }));
  }

  /** Bytes read and written per second by a copy of vec4s. */
  async streamBytes(leastMs?: number): Promise<number> {
    return 2 * this.#bytes / await this.#seconds(COPY_WGSL, this.#bytes / 16 / 256, leastMs);
  }

  /** Floating point operations (a multiply-add is two) per second, in f32. */
  async fmaFlops(leastMs?: number): Promise<number> {
    const seconds = await this.#seconds(FMA_WGSL, FMA_THREADS / 256, leastMs);
    return FMA_THREADS * FMA_ROUNDS * 8 * 4 * 4 * 2 / seconds;
  }

  close(): void {
    this.#device.destroy();
  }

  #seconds(code: string, groups: number, leastMs?: number): Promise<number> {
    const device = this.#device;
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
    });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: this.#buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const x = Math.min(groups, 32768);
    return secondsEach(device, (pass) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, Math.ceil(groups / x));
    }, { leastMs });
  }
}
