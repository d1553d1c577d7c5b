import type { Gpu } from "../gpu/mod.ts";

/** Vulkan loses devices near the brim (docs/PLATFORM.md), so a tenth stays free. */
const USABLE_SHARE = 0.9;
/** A software driver shares the memory with everything else on the machine. */
const USABLE_SHARE_OF_HOST = 0.5;

/** Bytes the engine may use on this device, or null when the device does not tell. */
export function usableMemory(gpu: Gpu): number | null {
  return gpu.info.isFallback ? Deno.systemMemoryInfo().available * USABLE_SHARE_OF_HOST : null;
}

export { USABLE_SHARE };
