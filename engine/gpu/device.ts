import { WeftError } from "../core/errors.ts";
import type { DeviceInfo } from "../core/engine.ts";
import { BufferScope } from "./buffers.ts";
import { subgroupsAreConsecutive } from "./subgroup_probe.ts";

/** The opened GPU: the device, what it can do, and the books of its memory. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly info: DeviceInfo;
  /**
   * Lanes of a subgroup; 0 where subgroup operations are missing, their size varies, or their lanes
   * are not consecutive invocations.
   */
  readonly subgroupSize: number;
  readonly hasF16: boolean;
  readonly limits: GPUSupportedLimits;
  /** Buffers that live as long as the device. */
  readonly buffers: BufferScope;
  /** The first validation or memory error that no one caught, if any. */
  readonly fault: () => Error | null;
}

/** Throws WeftError("unavailable") when the machine offers no WebGPU adapter. */
export async function openGpu(): Promise<Gpu> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new WeftError(
      "unavailable",
      "Cannot start the engine: no WebGPU adapter was found. Run `deno task setup`, which installs or names the missing driver.",
    );
  }
  const { device, features } = await requestDevice(adapter);
  const subgroupSize = features.has("subgroups") ? fixedSubgroupSize(adapter.info) : 0;
  const hasSubgroups = subgroupSize > 0 && await subgroupsAreConsecutive(device, subgroupSize);
  let fault: Error | null = null;
  device.addEventListener("uncapturederror", (event) => {
    const { error } = event as GPUUncapturedErrorEvent;
    fault ??= new WeftError("internal", `The GPU reported an error: ${error.message}`);
    event.preventDefault();
  });
  return {
    device,
    info: {
      vendor: adapter.info.vendor,
      architecture: adapter.info.architecture,
      description: adapter.info.description || adapter.info.device,
      isFallback: adapter.info.isFallbackAdapter,
    },
    subgroupSize: hasSubgroups ? subgroupSize : 0,
    hasF16: features.has("shader-f16"),
    limits: device.limits,
    buffers: new BufferScope(device),
    fault: () => fault,
  };
}

/**
 * Asks for everything the adapter offers that kernels use. `subgroups` works in Deno although the
 * adapter does not list it (docs/PLATFORM.md), so it is tried rather than looked up.
 */
async function requestDevice(adapter: GPUAdapter): Promise<{
  device: GPUDevice;
  features: Set<string>;
}> {
  const optional = adapter.features.has("shader-f16") ? ["shader-f16"] : [];
  const limits = adapter.limits;
  const requiredLimits = {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
  };
  for (const extra of [["subgroups"], []]) {
    const requiredFeatures = [...optional, ...extra] as GPUFeatureName[];
    try {
      const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
      return { device, features: new Set(requiredFeatures as string[]) };
    } catch (error) {
      if (extra.length === 0) throw error;
    }
  }
  throw new Error("unreachable");
}

/** Kernels key their reductions on one size; a device whose size varies uses the plain variants. */
function fixedSubgroupSize(info: GPUAdapterInfo): number {
  const { subgroupMinSize: min, subgroupMaxSize: max } = info;
  return min === max && min >= 4 && min <= 64 ? min : 0;
}
