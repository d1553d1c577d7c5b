import type { PipelineGate } from "./pipeline_gate.ts";

/**
 * The engine's device as one onnxruntime session is to see it; the device itself stays untouched.
 *
 * - Without subgroup features: onnxruntime's WGSL would say `enable subgroups;`, which Deno refuses.
 *   Shaders of our own may use subgroups as before.
 * - Pipelines pass a gate, see there.
 * - It can't be destroyed, and its handlers can't be replaced.
 *
 * onnxruntime keeps its unsubmitted commands and its caches by device object, so a view for each
 * session keeps what a broken router leaves behind away from the others.
 */
export function deviceView(device: GPUDevice, gate: PipelineGate): GPUDevice {
  const shown = new Map<PropertyKey, unknown>([
    ["features", new Set([...device.features].filter((name) => !name.startsWith("subgroups")))],
    [
      "createComputePipelineAsync",
      gate.guard((descriptor) => {
        return device.createComputePipelineAsync(descriptor);
      }),
    ],
    ["destroy", () => {}],
  ]);
  return new Proxy(device, {
    get(_, name) {
      if (shown.has(name)) return shown.get(name);
      const value: unknown = Reflect.get(device, name);
      if (typeof value !== "function") return value;
      const bound = value.bind(device);
      shown.set(name, bound);
      return bound;
    },
    set: () => true,
  });
}
