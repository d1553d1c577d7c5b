import { type Figure, format, percentiles, timeEach } from "../measure.ts";

/** Spins long enough to see whether a waiting thread still runs its timers. */
const SPIN = `
@group(0) @binding(0) var<storage, read_write> sink: array<f32>;
override rounds: u32 = 1u;

@compute @workgroup_size(64)
fn spin(@builtin(global_invocation_id) id: vec3<u32>) {
  var x = f32(id.x);
  for (var i = 0u; i < rounds; i++) {
    x = sin(x) + 1.0;
  }
  sink[id.x] = x;
}`;

const SPIN_THREADS = 64 * 1024;
const STAGING_BYTES = 256;

/** How long a read-back takes, and what it does to the thread that asks for it. */
export async function measureReadback(device: GPUDevice): Promise<Figure[]> {
  const source = device.createBuffer({
    size: SPIN_THREADS * 4,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({
    size: STAGING_BYTES,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  const copy = () => {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, staging, 0, STAGING_BYTES);
    device.queue.submit([encoder.finish()]);
  };

  const awaited = await timeEach(20, async () => {
    copy();
    await staging.mapAsync(GPUMapMode.READ);
    staging.getMappedRange();
    staging.unmap();
  });
  const done = await timeEach(20, () => device.queue.onSubmittedWorkDone().then(() => {}));
  const frozen = await longestFreeze(device, source);
  const quick = await timeQuickRead(staging, copy);
  source.destroy();
  staging.destroy();
  return [
    { what: "copy, `await mapAsync`, p50", value: format(percentiles(awaited).p50, "ms") },
    {
      what: "`await onSubmittedWorkDone` when idle, p50",
      value: format(percentiles(done).p50, "ms"),
    },
    {
      what: "longest gap of a 1 ms timer while waiting for a long kernel; the whole wait",
      value: `${format(frozen.gap, "ms")}; ${format(frozen.wait, "ms")}`,
    },
    {
      what: "copy, `mapAsync` and `getMappedRange` at once, p50",
      value: format(percentiles(quick).p50, "ms"),
    },
  ];
}

/** Runs a long kernel and watches a timer while its end is awaited. */
async function longestFreeze(
  device: GPUDevice,
  buffer: GPUBuffer,
): Promise<{ gap: number; wait: number }> {
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code: SPIN }), constants: { rounds: 100 } },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    }),
  );
  for (let i = 0; i < 16; i++) pass.dispatchWorkgroups(SPIN_THREADS / 64);
  pass.end();

  const start = performance.now();
  let last = start;
  let gap = 0;
  const tick = () => {
    const now = performance.now();
    gap = Math.max(gap, now - last);
    last = now;
  };
  const timer = setInterval(tick, 1);
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  tick();
  clearInterval(timer);
  return { gap, wait: performance.now() - start };
}

/**
 * Reads without the sleep. Only safe on a buffer that was mapped with `await` once before, as this
 * one was (docs/PLATFORM.md); the promise is awaited outside the measured time.
 */
async function timeQuickRead(staging: GPUBuffer, copy: () => void): Promise<number[]> {
  const durations: number[] = [];
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    copy();
    const mapped = staging.mapAsync(GPUMapMode.READ);
    new Uint8Array(staging.getMappedRange()).slice();
    durations.push(performance.now() - start);
    await mapped;
    staging.unmap();
  }
  return durations;
}
