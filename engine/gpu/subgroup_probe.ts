/** Invocations of the probe's workgroup; the kernels that add up by subgroup have as many. */
const SIZE = 64;

const PROBE = `
@group(0) @binding(0) var<storage, read_write> sums: array<u32>;
@compute @workgroup_size(${SIZE})
fn main(@builtin(local_invocation_index) local: u32) {
  sums[local] = subgroupAdd(local * local);
}`;

/**
 * Whether `size` consecutive invocations are a subgroup, as kernels take for granted. Nothing in
 * WebGPU promises it, so it is tried once per start.
 */
export async function subgroupsAreConsecutive(device: GPUDevice, size: number): Promise<boolean> {
  device.pushErrorScope("validation");
  const sums = device.createBuffer({
    size: 4 * SIZE,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({
    size: 4 * SIZE,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    const module = device.createShaderModule({ label: "subgroup probe", code: PROBE });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [{ binding: 0, resource: { buffer: sums } }],
      }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(sums, 0, staging, 0, 4 * SIZE);
    device.queue.submit([encoder.finish()]);
    if (await device.popErrorScope()) return false;
    await staging.mapAsync(GPUMapMode.READ);
    return new Uint32Array(staging.getMappedRange()).every((sum, local) =>
      sum === sumOfSquares(local - local % size, size)
    );
  } finally {
    sums.destroy();
    staging.destroy();
  }
}

function sumOfSquares(first: number, count: number): number {
  let sum = 0;
  for (let i = first; i < first + count; i++) sum += i * i;
  return sum;
}
