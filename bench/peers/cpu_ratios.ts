/**
 * Weft beside onnxruntime-web by the CPU time that the demo pack takes, for a software driver on a
 * busy machine: such a driver computes in this process, whose CPU time other work hardly moves, while
 * wall time says nothing. It doesn't see how well the cores are kept busy, and a
 * step's figure is a difference of two runs: a few milliseconds are noise.
 *
 * Run: XDG_RUNTIME_DIR=/tmp DENO_WEBGPU_BACKEND=vulkan deno run --allow-read --allow-env --allow-sys \
 *   bench/peers/cpu_ratios.ts [rounds]
 */
import process from "node:process";
import { promptOf, runBatch } from "../engine/batch.ts";
import { openEngine } from "../engine/open_engine.ts";
import { percentiles } from "../measure.ts";
import { PeerClient } from "./peer_client.ts";

const MODEL = { modelDirectory: "models/demo", maxModelLen: 1024 };
/** Steps of a decode figure: an answer's tokens but the first. */
const STEPS = 16;
const PREFILL = 512;
const PROMPT = 64;

/** Answers `batch` prompts of `length` with `tokens` each. */
type Run = (batch: number, length: number, tokens: number) => Promise<unknown>;

const WORKS: { name: string; cpuMs: (run: Run) => Promise<number> }[] = [
  { name: "decode step, batch 1", cpuMs: (run) => stepCpuMs(run, 1) },
  { name: "decode step, batch 8", cpuMs: (run) => stepCpuMs(run, 8) },
  { name: `prefill of ${PREFILL} tokens`, cpuMs: (run) => cpuMsOf(() => run(1, PREFILL, 1)) },
];

async function stepCpuMs(run: Run, batch: number): Promise<number> {
  const all = await cpuMsOf(() => run(batch, PROMPT, STEPS + 1));
  const prefill = await cpuMsOf(() => run(batch, PROMPT, 1));
  return (all - prefill) / STEPS;
}

async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

let salt = 0;

function newPrompts(batch: number, length: number): number[][] {
  salt += 1009;
  return Array.from({ length: batch }, (_, row) => [...promptOf(length, { row, salt })]);
}

async function main(rounds: number): Promise<void> {
  const weft = await openEngine({ ...MODEL, maxBatch: 8 });
  const f16 = await PeerClient.open("onnxruntime-web", { ...MODEL, dtype: "f16" });
  const f32 = await PeerClient.open("onnxruntime-web", { ...MODEL, dtype: "f32" });
  const ours: Run = (batch, promptTokens, answerTokens) =>
    runBatch(weft, { batch, promptTokens, answerTokens });
  const peers: [string, Run][] = ([["f16", f16], ["f32", f32]] as const).map(([name, peer]) => [
    `onnxruntime-web in ${name}`,
    (batch, length, tokens) => peer.generate(newPrompts(batch, length), tokens),
  ]);
  console.log(
    "| what | Weft, CPU ms | onnxruntime-web | CPU ms | over Weft |\n|---|---|---|---|---|",
  );
  for (const { name, cpuMs } of WORKS) {
    const times = [ours, ...peers.map(([, run]) => run)].map((run) => ({
      run,
      ms: [] as number[],
    }));
    // The first round compiles.
    for (let round = 0; round <= rounds; round++) {
      for (const { run, ms } of times) {
        const taken = await cpuMs(run);
        if (round > 0) ms.push(taken);
      }
    }
    const [own, ...others] = times.map(({ ms }) => percentiles(ms).p50);
    others.forEach((other, i) => {
      const cells = [name, own.toFixed(1), peers[i][0], other.toFixed(1), (other / own).toFixed(2)];
      console.log(`| ${cells.join(" | ")} |`);
    });
  }
  for (const part of [weft, f16, f32]) await part.close();
}

await main(Number(Deno.args[0] ?? 5));
