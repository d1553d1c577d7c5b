import { pairedRatios } from "../run/ratios.ts";
import type { Figures } from "./figures.ts";

/** What the project wants of a figure. */
export interface Target {
  what: string;
  bound: { kind: "least" | "most"; value: number };
  /** "": a plain ratio. */
  unit: string;
  /** Says nothing on a software driver. */
  isGpuOnly?: boolean;
  /** One a round; none where it wasn't measured. */
  values: readonly number[];
}

type Bound = Pick<Target, "bound" | "unit">;
const atLeast = (value: number, unit = ""): Bound => ({ bound: { kind: "least", value }, unit });
const atMost = (value: number, unit = ""): Bound => ({ bound: { kind: "most", value }, unit });

const SHAPES = ["Qwen2-0.5B", "Qwen2-1.5B", "Llama-3-8B"];

/** The project's targets, with the figures of one device. */
export function targetsOf(figures: Figures): Target[] {
  return [
    ...peerTargets(figures),
    ...loraTargets(figures),
    ...hostTargets(figures),
    ...gpuTargets(figures),
    ...contextTargets(figures),
    {
      what: "process start to ready, demo pack",
      ...atMost(2, "s"),
      values: figures.values("start/server/ready"),
    },
    {
      what: "host memory after load, beyond the process's own and device buffers",
      ...atMost(300, "MB"),
      values: figures.values("start/server/host_memory"),
    },
  ];
}

const PEER = "onnxruntime-web";
const AGAINST_PEER: readonly (readonly [string, string, Bound])[] = [
  ["decode/batch=1", "decode, batch 1", atLeast(3)],
  ["decode/batch=8", "decode, batch 8", atLeast(5)],
  ["prefill/tokens=512", "prefill of 512 tokens", atLeast(1.3)],
];

function peerTargets(figures: Figures): Target[] {
  const found = figures.between("peers/", "/decode/batch=1/weft");
  return (found.length > 0 ? found : ["demo"]).flatMap((model) =>
    AGAINST_PEER.map(([series, what, bound]) => ({
      what: `${what}, against ${PEER} (${model})`,
      ...bound,
      values: pairedRatios(
        figures.values(`peers/${model}/${series}/weft`),
        bestOfPeer(figures, `peers/${model}/${series}/`),
      ),
    }))
  );
}

/** Of each round the fastest way in which the peer was run. */
function bestOfPeer(figures: Figures, start: string): number[] {
  const ways = figures.between(start, "").filter((name) => name.startsWith(PEER))
    .map((name) => figures.values(start + name));
  const rounds = ways.length === 0 ? 0 : Math.max(...ways.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, i) => Math.max(...ways.map((way) => way[i] ?? 0)));
}

const LORA: readonly (readonly [string, string, Bound])[] = [
  ["decode/none", "LoRA there, none active, of base throughput", atLeast(0.99)],
  ["decode/one", "one adapter (r=16), of base throughput", atLeast(0.9)],
  ["decode/eight", "8 different adapters, of base throughput", atLeast(0.85)],
  ["decode/mixtures", "mixtures of 3 per row, of base throughput", atLeast(0.8)],
  ["prefill/one", "LoRA prefill of base prefill", atLeast(0.8)],
];

function loraTargets(figures: Figures): Target[] {
  const found = figures.between("lora/", "/decode/base");
  return [
    ...(found.length > 0 ? found : ["demo"]).flatMap((model) => [
      ...LORA.map(([series, what, bound]) => ({
        what: `${what} (${model})`,
        ...bound,
        values: figures.ratios(
          `lora/${model}/${series}`,
          `lora/${model}/${series.split("/")[0]}/base`,
        ),
      })),
      {
        what: `mixtures of 3 against one adapter, time (${model})`,
        ...atMost(1.1),
        values: figures.ratios(`lora/${model}/decode/one`, `lora/${model}/decode/mixtures`),
      },
    ]),
    {
      what: "100 resident and 1,000 registered adapters against 1, step time",
      ...atMost(1.02),
      values: figures.ratios("resident/decode/resident=1", "resident/decode/resident=100"),
    },
    {
      what: "router's share of the time to the first token (512-token prompt)",
      ...atMost(0.02, "share"),
      values: figures.values("router/first_token/auto/share"),
    },
  ];
}

function hostTargets(figures: Figures): Target[] {
  const base = figures.values("kernels/demo/batch=8/step/dispatches_per_layer");
  const adapted = figures.values("kernels/demo/lora, batch=8/step/dispatches_per_layer");
  const rounds = Math.min(base.length, adapted.length);
  return [
    { what: "dispatches per layer without LoRA", ...atMost(8), values: base },
    {
      what: "dispatches per layer that LoRA adds",
      ...atMost(6),
      values: Array.from({ length: rounds }, (_, i) => adapted[i] - base[i]),
    },
    {
      what: "host time per dispatch",
      ...atMost(6, "µs"),
      values: figures.values("kernels/demo/batch=8/step/host"),
    },
  ];
}

function gpuTargets(figures: Figures): Target[] {
  const isGpuOnly = true;
  const idle = figures.between("kernels/", "/batch=1/step/idle");
  return [
    ...SHAPES.flatMap((shape): Target[] => {
      const rate = (batch: number) => `shapes/${shape}/decode/batch=${batch}/rate`;
      return [
        {
          what: `step time, batch 8 over batch 1 (${shape})`,
          ...atMost(1.5),
          isGpuOnly,
          values: figures.ratios(rate(1), rate(8)).map((ratio) => 8 * ratio),
        },
        {
          what: `throughput, batch 32 over batch 1 (${shape})`,
          ...atLeast(12),
          isGpuOnly,
          values: figures.ratios(rate(32), rate(1)),
        },
      ];
    }),
    ...([["Llama-3-8B", 0.5], ["Qwen2-1.5B", 0.25]] as const).map(([shape, share]): Target => ({
      what: `decode batch 1, of the measured stream bandwidth, f16 (${shape})`,
      ...atLeast(share, "share"),
      isGpuOnly,
      values: figures.values(`shapes/${shape}/decode/batch=1/of_stream`),
    })),
    ...SHAPES.map((shape): Target => ({
      what: `prefill of 2,048 tokens, of the measured FMA peak (${shape})`,
      ...atLeast(0.4, "share"),
      isGpuOnly,
      values: figures.values(`shapes/${shape}/prefill/tokens=2048/of_fma`),
    })),
    ...([["int8", 1.6], ["int4", 2.5]] as const).map(([format, ratio]): Target => ({
      what: `decode batch 1, ${format} weights over f16 (Llama-3-8B)`,
      ...atLeast(ratio),
      isGpuOnly,
      values: figures.ratios(
        `quantized/Llama-3-8B/decode/batch=1/${format}`,
        "quantized/Llama-3-8B/decode/batch=1/none",
      ),
    })),
    ...(idle.length > 0 ? idle : SHAPES).map((model): Target => ({
      what: `GPU idle share of decode time, batch 1 (${model})`,
      ...atMost(0.15, "share"),
      isGpuOnly,
      values: figures.values(`kernels/${model}/batch=1/step/idle`),
    })),
  ];
}

function contextTargets(figures: Figures): Target[] {
  const found = figures.between("context/", "/decode/context=16384");
  return (found.length > 0 ? found : [""]).map((model) => ({
    what: `decode at 16k context of that at 1k${model && ` (${model})`}`,
    ...atLeast(0.6),
    values: figures.ratios(
      `context/${model}/decode/context=16384`,
      `context/${model}/decode/context=1024`,
    ),
  }));
}
