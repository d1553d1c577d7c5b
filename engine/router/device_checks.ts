import { setImmediate } from "node:timers";
import { WeftError } from "../core/errors.ts";
import type { WeightBytes } from "./graph_checks.ts";

/** Why a device is lost, or null when it isn't; it takes a turn of the event loop to be known. */
export async function lossOf(device: GPUDevice): Promise<GPUDeviceLostInfo | null> {
  await new Promise((resolve) => setImmediate(resolve));
  return await Promise.race([device.lost, Promise.resolve(null)]);
}

/**
 * Refuses weights the device can't take before onnxruntime tries: an exception from its upload
 * would leave it unable to open any session (docs/PLATFORM.md).
 * @throws WeftError `bad_adapter` for a constant over the device's limits; `unavailable`, reason
 * `out_of_gpu_memory`, when there is no room
 */
export async function checkRoom(device: GPUDevice, bytes: WeightBytes): Promise<void> {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  if (bytes.largest > limit) {
    throw new WeftError(
      "bad_adapter",
      `opening the router: its largest constant has ${bytes.largest} bytes; this GPU takes ${limit}`,
      { reason: "bad_router" },
    );
  }
  // Beside each weight there is for a while a copy of it that the upload writes.
  device.pushErrorScope("out-of-memory");
  const tries = [bytes.total, bytes.largest].map((size) =>
    device.createBuffer({
      label: "router room",
      size: Math.max(4, Math.min(maxBufferSize, Math.ceil(size / 4) * 4)),
      usage: GPUBufferUsage.STORAGE,
    })
  );
  const refusal = device.popErrorScope();
  tries.forEach((buffer) => buffer.destroy());
  if (await refusal) {
    throw new WeftError(
      "unavailable",
      `Cannot open the router: the GPU has no room for its ${bytes.total} bytes of weights`,
      { reason: "out_of_gpu_memory" },
    );
  }
}
