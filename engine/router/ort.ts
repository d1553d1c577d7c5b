import type * as Ort from "onnxruntime-web/webgpu";

/**
 * Loads onnxruntime-web. In a Worker its loader resolves URLs against `location.origin`, which is
 * the string "null" there and fails; without a `location` it takes the package's own folder.
 */
export async function loadOrt(): Promise<typeof Ort> {
  const scope: { location?: unknown } = globalThis;
  delete scope.location;
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  return ort;
}

/**
 * Hides the subgroup features of a device from onnxruntime, whose generated WGSL says
 * `enable subgroups;`, which Deno refuses. Only the JavaScript view changes: shaders of our own
 * may use subgroups as before.
 */
export function hideSubgroups(device: GPUDevice): void {
  const shown = new Set([...device.features].filter((name) => !name.startsWith("subgroups")));
  Object.defineProperty(device, "features", { value: shown, configurable: true });
}
