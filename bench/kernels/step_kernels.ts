import type { Dispatch } from "./gpu_calls.ts";
import { type KernelCost, kernelCost, roleOf, type StepFacts } from "./kernel_costs.ts";

/** A kernel's dispatches in one submission. */
export interface StepKernel {
  /** `matvec 8 qkv`, `rms_norm`. */
  name: string;
  dispatches: readonly Dispatch[];
  /** How often it does its work: a product cut into shards does it once. */
  times: number;
  /** Of all its work in the submission; null where nothing is known of the kernel. */
  cost: KernelCost | null;
}

/** What a kernel's state wears out when it is dispatched again and again: rows draw until their budget ends. */
const WEARING = ["feed", "sample"];

/** The kernels of a submission in the order in which they come first. */
export function kernelsOf(
  dispatches: readonly Dispatch[],
  { facts, burst }: { facts: StepFacts; burst: number },
): StepKernel[] {
  const byName = new Map<string, Dispatch[]>();
  for (const dispatch of dispatches) {
    const name = nameOf(dispatch);
    byName.set(name, [...byName.get(name) ?? [], dispatch]);
  }
  return [...byName].map(([name, list]) => {
    const { label } = list[0].pipeline;
    const role = roleOf(list[0].buffers);
    // The vocabulary's matrix may be cut into several bindings.
    const times = role === "head" ? burst : list.length;
    const each = kernelCost(label, role, facts);
    const cost = each && { bytes: each.bytes * times, flops: each.flops * times };
    return { name, dispatches: list, times, cost };
  });
}

/** Whether it can be timed only as often as rows have tokens left to draw. */
export function wears({ name }: Pick<StepKernel, "name">): boolean {
  return WEARING.includes(name);
}

/** Dispatches that come once or more for every layer and token, of one layer and token. */
export function dispatchesPerLayer(
  kernels: readonly StepKernel[],
  { layers, burst }: { layers: number; burst: number },
): number {
  return kernels.reduce(
    (sum, { dispatches }) => sum + Math.floor(dispatches.length / (layers * burst)),
    0,
  );
}

/** Records dispatches as they were. */
export function replay(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[]): void {
  for (const { pipeline, group, offsets, grid } of dispatches) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group, offsets);
    pass.dispatchWorkgroups(...grid);
  }
}

function nameOf({ pipeline: { label }, buffers }: Dispatch): string {
  const role = roleOf(buffers);
  return role !== "" && label !== "embed" ? `${label} ${role}` : label;
}
