/** Runs `body` and returns the GPU device that it opened, so that a test can lose it. */
export async function captureDevice<T>(
  body: () => Promise<T>,
): Promise<{ result: T; device: GPUDevice }> {
  const { requestDevice } = GPUAdapter.prototype;
  const devices: GPUDevice[] = [];
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  };
  try {
    const result = await body();
    return { result, device: devices[0] };
  } finally {
    GPUAdapter.prototype.requestDevice = requestDevice;
  }
}
