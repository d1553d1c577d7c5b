import assert from "node:assert/strict";

const USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** A device with subgroups, and what it complained of that nobody caught. */
export async function openDevice(): Promise<{ device: GPUDevice; complaints: string[] }> {
  const adapter = await navigator.gpu.requestAdapter();
  const requiredFeatures = ["subgroups"] as GPUFeatureName[];
  const device = await adapter!.requestDevice({ requiredFeatures });
  const complaints: string[] = [];
  device.addEventListener("uncapturederror", (event) => {
    complaints.push((event as GPUUncapturedErrorEvent).error.message);
    event.preventDefault();
  });
  return { device, complaints };
}

export function upload(device: GPUDevice, values: number[]): GPUBuffer {
  const buffer = device.createBuffer({ size: values.length * 4, usage: USAGE });
  device.queue.writeBuffer(buffer, 0, new Int32Array(values));
  return buffer;
}

export async function download(
  device: GPUDevice,
  source: GPUBuffer,
  count: number,
): Promise<Float32Array> {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = device.createBuffer({ size: count * 4, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(source, 0, staging, 0, count * 4);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return values;
}

/** Submits one run of a compute shader over its storage buffers, bound in order from 0. */
export function submitShader(
  device: GPUDevice,
  code: string,
  { buffers, groups = 1 }: { buffers: GPUBuffer[]; groups?: number },
): void {
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const layout = pipeline.getBindGroupLayout(0);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(groups);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

export function assertClose(actual: Float32Array, expected: number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]) <= tolerance, `${i}: ${value}, not ${expected[i]}`);
  }
}
