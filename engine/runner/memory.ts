import type { Gpu } from "../gpu/mod.ts";

/** Vulkan loses devices near the brim (docs/PLATFORM.md), so a tenth stays free. */
const USABLE_SHARE = 0.9;
/** A software driver shares the memory with everything else on the machine. */
const USABLE_SHARE_OF_HOST = 0.5;
/** What is tried at once, halved down to the least where it is refused. */
const LARGEST_PIECE = 2 ** 30;
const LEAST_PIECE = 2 ** 26;

/** It is the host's memory, and zeroed page by page at the start. */
const SOFTWARE_KV_BYTES = 64 * 2 ** 20;
const LEAST_KV_BYTES = 4 * 2 ** 30;
const KV_SHARE_OF_HOST = 0.25;

const SOFTWARE_PREFILL_TOKENS = 128;
const PREFILL_TOKENS = 512;

/**
 * The KV cache's size where nobody asked for one. A GPU that shares the host's memory cannot be told
 * from one that has its own, and gives more than is good for the machine: hence the host's share.
 */
export function defaultKvBytes({ info }: Pick<Gpu, "info">): number {
  if (info.isFallback) return SOFTWARE_KV_BYTES;
  return Math.max(LEAST_KV_BYTES, KV_SHARE_OF_HOST * Deno.systemMemoryInfo().total);
}

/** A step's prompt tokens delay the rows that decode in it: few where computing them takes long. */
export function defaultPrefillTokens({ info }: Pick<Gpu, "info">): number {
  return info.isFallback ? SOFTWARE_PREFILL_TOKENS : PREFILL_TOKENS;
}

/**
 * Bytes the engine may use on this device, `wanted` at most where it is a GPU. WebGPU does not tell a
 * GPU's memory, so it is tried: buffers are allocated until there is room to spare or one is refused.
 */
export async function usableMemory(
  gpu: Pick<Gpu, "device" | "info" | "limits">,
  wanted: number,
): Promise<number> {
  if (gpu.info.isFallback) return Deno.systemMemoryInfo().available * USABLE_SHARE_OF_HOST;
  const target = Math.ceil(wanted / USABLE_SHARE);
  const found = await allocatable(gpu, target);
  return found >= target ? wanted : Math.floor(found * USABLE_SHARE);
}

/** Bytes of buffers that the device gives at once, up to `target`; they are freed again. */
async function allocatable(
  { device, limits }: Pick<Gpu, "device" | "limits">,
  target: number,
): Promise<number> {
  const buffers: GPUBuffer[] = [];
  let found = 0;
  let piece = Math.min(LARGEST_PIECE, limits.maxBufferSize);
  while (found < target && piece >= LEAST_PIECE) {
    const size = Math.ceil(Math.min(piece, target - found) / 16) * 16;
    device.pushErrorScope("out-of-memory");
    const buffer = device.createBuffer({
      label: "memory probe",
      size,
      usage: GPUBufferUsage.STORAGE,
    });
    buffers.push(buffer);
    if (await device.popErrorScope()) piece = Math.floor(piece / 32) * 16;
    else found += size;
  }
  for (const buffer of buffers) buffer.destroy();
  // What was destroyed is given back with the next submission.
  device.queue.submit([]);
  await device.queue.onSubmittedWorkDone();
  return found;
}
