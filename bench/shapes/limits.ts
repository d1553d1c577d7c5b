/** What the device can do at best: the bytes it streams and the products it computes in a second. */
export interface DeviceLimits {
  /** Bytes read and written per second by a copy of vec4s. */
  streamBytes: number;
  /** Floating point operations (a multiply-add is two) per second, in f32. */
  fmaFlops: number;
}

const COPY_WGSL = `
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * 256u + id.x;
  if (i < arrayLength(&source)) { target_[i] = source[i]; }
}`;

const FMA_ROUNDS = 256;
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

/** Measured, not looked up; takes about a second on a GPU. */
export async function measureLimits(device: GPUDevice): Promise<DeviceLimits> {
  const bytes = Math.min(device.limits.maxStorageBufferBindingSize, 2 ** 30) & ~1023;
  const threads = 2 ** 18;
  const make = () =>
    device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  const buffers = [make(), make()];
  const copy = await secondsPerDispatch(device, COPY_WGSL, buffers, bytes / 16 / 256);
  const fma = await secondsPerDispatch(device, FMA_WGSL, buffers, threads / 256);
  for (const buffer of buffers) buffer.destroy();
  return { streamBytes: 2 * bytes / copy, fmaFlops: threads * FMA_ROUNDS * 8 * 4 * 4 * 2 / fma };
}

/** The difference between many dispatches and few, so that what a submit and a wait cost falls out. */
async function secondsPerDispatch(
  device: GPUDevice,
  code: string,
  buffers: GPUBuffer[],
  groups: number,
): Promise<number> {
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const x = Math.min(groups, 32768);
  const run = async (times: number) => {
    const start = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(x, Math.ceil(groups / x));
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  await run(2);
  const few = Math.min(await run(2), await run(2));
  // Enough work for the wait's 10 ms grain not to matter.
  let times = 4;
  let many = await run(times);
  while (many - few < 300) {
    times *= 2;
    many = await run(times);
  }
  many = Math.min(many, await run(times));
  return (many - few) / (times - 2) / 1000;
}
