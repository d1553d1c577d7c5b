import { MAX_MIXTURE } from "../../../../engine/core/adapter_weights.ts";
import { FewTokenLinear } from "../../../../engine/kernels/few_token_linear.ts";
import {
  LoraExpand,
  type LoraGroup,
  LoraShrink,
  NO_SLOT,
  type RankList,
  rankListLength,
} from "../../../../engine/kernels/lora/mod.ts";
import type { LoraArrays } from "../../../../engine/kernels/lora/reference.ts";
import { type Bench, randoms } from "../harness.ts";
import { matrixOf } from "../matrices.ts";

/** An adapter by the ranks of the group's members. */
export interface CaseAdapter {
  ranks: readonly number[];
  scale: number;
}

export interface LoraCase {
  inSize: number;
  outSizes: readonly number[];
  adapters: readonly CaseAdapter[];
  /** Per batch row, (adapter, weight) entries. */
  mixtures: readonly (readonly (readonly [number, number])[])[];
  /** Batch row per token, or NO_SLOT. */
  rows: readonly number[];
  seed: number;
  /** Whether members' outputs fill y, as the few-token product wants it; else there are gaps. */
  dense?: boolean;
  /** The module of the group's first member, and how many modules there are. */
  module?: number;
  modules?: number;
}

/** Lays a case out as the engine does, with a gap before each member's and adapter's rows. */
export function layOut(bench: Bench, of: LoraCase): { group: LoraGroup; arrays: LoraArrays } {
  const { inSize, outSizes, module = 0, modules = 7 } = of;
  const gap = 1;
  const bits = new Uint32Array(1);
  const bitsOf = (value: number) => {
    new Float32Array(bits.buffer)[0] = value;
    return bits[0];
  };
  const slots = new Uint32Array(of.adapters.length * modules * 4);
  const outGap = of.dense ? 0 : 4;
  let aRow = 0, bStart = 0, outOffset = outGap;
  const members = outSizes.map((outSize, m) => {
    let row = gap;
    of.adapters.forEach(({ ranks, scale }, slot) => {
      const entry = [row, ranks[m], bitsOf(scale), 0];
      slots.set(entry, 4 * (slot * modules + module + m));
      row += ranks[m] + gap;
    });
    const member = { aRow, bStart, outSize, outOffset };
    aRow += row;
    bStart += row * outSize;
    outOffset += outSize + outGap;
    return member;
  });
  const mix = new Uint32Array(of.mixtures.length * MAX_MIXTURE * 2).fill(NO_SLOT);
  of.mixtures.forEach((mixture, row) =>
    mixture.forEach(([slot, weight], entry) =>
      mix.set([slot, bitsOf(weight)], 2 * (row * MAX_MIXTURE + entry))
    )
  );
  const largest = Math.max(1, ...of.adapters.flatMap(({ ranks }) => ranks));
  const hStride = MAX_MIXTURE * 4 * Math.ceil(largest / 4);
  const group = { module, modules, inSize, members, outStride: outOffset, hStride };
  const tokens = of.rows.length;
  const arrays = {
    rows: Uint32Array.from(of.rows),
    mix,
    slots,
    x: randoms(tokens * inSize, of.seed, 1),
    a: bench.rounded(randoms(aRow * inSize, of.seed + 1, 1 / Math.sqrt(inSize))),
    b: bench.rounded(randoms(bStart, of.seed + 2, 1)),
    y: randoms(tokens * outOffset, of.seed + 3, 1),
  };
  return { group, arrays };
}

/** The largest sum of ranks of any row in use. */
export function maxTotalRank(of: LoraCase): number {
  const totals = of.rows.filter((row) => row !== NO_SLOT).flatMap((row) =>
    of.outSizes.map((_, m) =>
      of.mixtures[row].reduce((sum, [slot]) => sum + of.adapters[slot].ranks[m], 0)
    )
  );
  return Math.max(0, ...totals);
}

export type LoraKind = "prefill" | "decode";

/** Records the shrink of few tokens. The list starts as rubbish: nothing unwritten may be read. */
export function recordList(
  bench: Bench,
  of: LoraCase,
  { group, arrays, x }: { group: LoraGroup; arrays: LoraArrays; x: GPUBuffer | GPUBufferBinding },
): RankList {
  const { kernels, uniforms, recorder } = bench;
  const tokens = arrays.rows.length;
  const length = rankListLength(group);
  const rubbish = new Uint32Array(tokens * group.members.length * length * 2).fill(0xffffffff);
  const ranks = bench.u32(rubbish);
  const tables = {
    rows: bench.u32(arrays.rows),
    mix: bench.u32(arrays.mix),
    slots: bench.u32(arrays.slots),
  };
  const a = bench.weights(arrays.a);
  new LoraShrink(kernels, group, { ...tables, x, a, h: ranks }, { uniforms, listed: true })
    .record(recorder, { tokens, maxTotalRank: maxTotalRank(of) });
  return { group, ranks, length, b: bench.weights(arrays.b) };
}

/** Runs both halves and returns y. h starts as NaN: nothing unwritten may be read. */
export async function runLora(
  bench: Bench,
  of: LoraCase,
  kind: LoraKind,
  inputs: { x?: Float32Array; y?: Float32Array } = {},
): Promise<{ group: LoraGroup; arrays: LoraArrays; y: Float32Array }> {
  const { group, arrays: generated } = layOut(bench, { ...of, dense: kind === "decode" });
  const arrays = { ...generated, ...inputs };
  const tokens = arrays.rows.length;
  const { kernels, uniforms, recorder } = bench;
  const step = { tokens, maxTotalRank: maxTotalRank(of) };
  const [x, y] = [bench.f32(arrays.x), bench.f32(arrays.y)];
  if (kind === "decode") {
    const adapters = recordList(bench, of, { group, arrays, x });
    const [rows, cols] = [group.outStride, group.inSize];
    const weight = matrixOf(bench, new Float32Array(rows * cols), { cols });
    new FewTokenLinear(kernels, { x, weight, y, adapters }, { uniforms, accumulate: true })
      .record(recorder, { tokens, rankTotal: step.maxTotalRank });
  } else {
    const tables = {
      rows: bench.u32(arrays.rows),
      mix: bench.u32(arrays.mix),
      slots: bench.u32(arrays.slots),
    };
    const h = bench.f32(new Float32Array(tokens * group.members.length * group.hStride).fill(NaN));
    const [a, b] = [bench.weights(arrays.a), bench.weights(arrays.b)];
    new LoraShrink(kernels, group, { ...tables, x, a, h }, { uniforms }).record(recorder, step);
    new LoraExpand(kernels, group, { ...tables, h, b, y }, uniforms).record(recorder, step);
  }
  return { group, arrays, y: await bench.readF32(y, arrays.y.length) };
}
