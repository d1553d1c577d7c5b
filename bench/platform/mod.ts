import { type Figure, format, percentiles, timeEach } from "../measure.ts";
import { measureDispatch } from "./dispatch.ts";
import { measureReadback } from "./readback.ts";

/** What Deno's WebGPU costs on this machine: the figures that docs/PLATFORM.md quotes. */
export async function benchPlatform(): Promise<Figure[]> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("No WebGPU adapter: run `deno task setup`");
  const device = await adapter.requestDevice();
  const figures: Figure[] = [
    { what: "adapter", value: adapter.info.description || adapter.info.vendor },
    { what: "software driver", value: adapter.info.isFallbackAdapter ? "yes" : "no" },
    {
      what: "subgroup size",
      value: `${adapter.info.subgroupMinSize} to ${adapter.info.subgroupMaxSize}`,
    },
    {
      what: "largest storage binding",
      value: `${adapter.limits.maxStorageBufferBindingSize / 2 ** 20} MiB`,
    },
    {
      what: "storage buffers per stage",
      value: `${adapter.limits.maxStorageBuffersPerShaderStage}`,
    },
    {
      what: "workgroup memory",
      value: `${adapter.limits.maxComputeWorkgroupStorageSize / 1024} KiB`,
    },
  ];
  try {
    figures.push(...await measureReadback(device));
    figures.push(...await measureDispatch(device));
  } finally {
    device.destroy();
  }
  figures.push(await measureWorker());
  return figures;
}

/** A message to a Worker and back. */
async function measureWorker(): Promise<Figure> {
  const worker = new Worker(new URL("./echo_worker.ts", import.meta.url), { type: "module" });
  const durations = await timeEach(1000, () =>
    new Promise((resolve) => {
      worker.onmessage = () => resolve();
      worker.postMessage(0);
    }));
  worker.terminate();
  const { p50, p99 } = percentiles(durations);
  return {
    what: "message to a Worker and back, p50 and p99",
    value: `${format(p50, "ms")}, ${format(p99, "ms")}`,
  };
}
