import { rm } from "node:fs/promises";
import type { Engine } from "../../engine/core/engine.ts";
import { GREEDY } from "../../engine/core/generation.ts";
import type { BenchContext } from "../context.ts";
import { promptOf, runBatch } from "../engine/batch.ts";
import { openEngine } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import { writeRandomModel } from "../shapes/random_model.ts";
import { folderName } from "../shapes/shape_files.ts";
import type { Shape } from "../shapes/shapes.ts";
import type { Ratio, Series, SeriesGroup } from "../series.ts";
import { type PeerDecoder, type PeerName, PEERS } from "./peer.ts";
import { PeerClient } from "./peer_client.ts";

type PeerContext = Pick<BenchContext, "isSoftware" | "isQuick">;

const DEMO = "models/demo";
const SHAPE_DIRECTORY = ".weft/bench/peers/shapes";
const BATCHES = [1, 8];
const PREFILL = 512;
const PROMPT_TOKENS = 64;
const QUICK_PROMPT_TOKENS = 16;
const MAX_MODEL_LEN = 1024;

/** Answers whose tokens are compared. */
const COMPARED = { prompts: 4, tokens: 8 };
const COMPARED_SALT = 5;

/**
 * Those that are worth their time on a kind of device: how logits come back matters where a step is
 * short; a quick run has one peer.
 */
export function peersFor({ isSoftware, isQuick }: PeerContext): PeerName[] {
  if (isSoftware && isQuick) return ["onnxruntime-web"];
  return PEERS.filter((peer) => !isSoftware || peer !== "onnxruntime-web, quick readback");
}

/** The demo pack on Weft and on its peers, in turns on the same device. */
export function demoPeers(context: PeerContext): SeriesGroup {
  const { isSoftware, isQuick } = context;
  return peerGroup(context, {
    name: "peers/demo",
    title: "The demo pack on Weft and its peers",
    directory: new Shared(() => Promise.resolve(DEMO), () => {}),
    answerTokens: isSoftware ? (isQuick ? 17 : 33) : 128,
  });
}

/**
 * The same with random weights. The ONNX file must stay below 2 GB, which the peers' f16 weights of
 * Qwen2-0.5B do and those of larger shapes don't.
 */
export function shapePeers(context: PeerContext, shape: Shape): SeriesGroup {
  const directory = `${SHAPE_DIRECTORY}/${folderName(shape)}`;
  return peerGroup(context, {
    name: `peers/${shape.name}`,
    title: `${shape.name}, random weights, on Weft and its peers`,
    directory: new Shared(
      async () => {
        await writeRandomModel(directory, shape);
        return directory;
      },
      () => rm(directory, { recursive: true }),
    ),
    answerTokens: context.isSoftware ? 9 : 128,
  });
}

function peerGroup(
  { isSoftware, isQuick }: PeerContext,
  { name, title, directory, answerTokens }: {
    name: string;
    title: string;
    directory: Shared<string>;
    answerTokens: number;
  },
): SeriesGroup {
  const weft = new Shared(
    async () => await openWeft(await directory.get()),
    (engine) => engine.close(),
  );
  const others = peersFor({ isSoftware, isQuick }).map((peer) => ({
    peer,
    decoder: new Shared(
      async () => await openPeer(peer, await directory.get()),
      (decoder) => decoder.close(),
    ),
  }));
  const promptTokens = isSoftware && isQuick ? QUICK_PROMPT_TOKENS : PROMPT_TOKENS;
  const run = { promptTokens, answerTokens };
  const series: Series[] = [];
  const ratios: Ratio[] = [];
  const add = (work: string, weftRate: () => Promise<number>, peerRate: PeerRate) => {
    series.push({ name: `${work}/weft`, unit: "tokens/s", round: weftRate });
    for (const { peer, decoder } of others) {
      series.push({
        name: `${work}/${peer}`,
        unit: "tokens/s",
        round: async () => await peerRate(await decoder.get()),
      });
      ratios.push({
        name: `${work}, Weft over ${peer}`,
        over: `${work}/weft`,
        under: `${work}/${peer}`,
      });
    }
  };
  for (const batch of BATCHES) {
    add(
      `decode/batch=${batch}`,
      async () => (await runBatch(await weft.get(), { batch, ...run })).rate,
      (decoder) => decodeRate(decoder, { batch, ...run }),
    );
  }
  add(
    `prefill/tokens=${PREFILL}`,
    async () => {
      const prefill = { batch: 1, promptTokens: PREFILL, answerTokens: 1 };
      return 1000 * PREFILL / (await runBatch(await weft.get(), prefill)).first;
    },
    prefillRate,
  );
  const compared = isSoftware && isQuick ? [] : others;
  for (const { peer, decoder } of compared) {
    series.push({
      name: `same tokens/${peer}`,
      unit: "share",
      round: async () => await sameTokens(await weft.get(), await decoder.get()),
    });
  }
  return {
    name,
    title,
    series,
    ratios,
    close: async () => {
      await weft.close();
      for (const { decoder } of others) await decoder.close();
      await directory.close();
    },
  };
}

type PeerRate = (decoder: PeerDecoder) => Promise<number>;

function openWeft(modelDirectory: string): Promise<Engine> {
  return openEngine({
    modelDirectory,
    maxModelLen: MAX_MODEL_LEN,
    maxBatch: Math.max(...BATCHES),
  });
}

/** f16 where the device computes in it: onnxruntime can't read f16 weights elsewhere. */
async function openPeer(peer: PeerName, modelDirectory: string): Promise<PeerDecoder> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  return await PeerClient.open(peer, {
    modelDirectory,
    dtype: adapter?.features.has("shader-f16") ? "f16" : "f32",
    maxModelLen: MAX_MODEL_LEN,
  });
}

let salt = 0;

function prompts(batch: number, length: number): number[][] {
  salt += 1009;
  return Array.from({ length: batch }, (_, row) => [...promptOf(length, { row, salt })]);
}

/** Tokens a second over all rows, behind the first tokens. */
async function decodeRate(
  decoder: PeerDecoder,
  { batch, promptTokens, answerTokens }: {
    batch: number;
    promptTokens: number;
    answerTokens: number;
  },
): Promise<number> {
  const { restMs } = await decoder.generate(prompts(batch, promptTokens), answerTokens);
  return 1000 * batch * (answerTokens - 1) / restMs;
}

async function prefillRate(decoder: PeerDecoder): Promise<number> {
  const { firstMs } = await decoder.generate(prompts(1, PREFILL), 1);
  return 1000 * PREFILL / firstMs;
}

/**
 * The share of greedy tokens that are Weft's, each row up to the first that isn't: what follows
 * another token is another answer. It shows that the model is the same, and what f16 moves.
 */
async function sameTokens(engine: Engine, decoder: PeerDecoder): Promise<number> {
  const rows = Array.from(
    { length: COMPARED.prompts },
    (_, row) => promptOf(PROMPT_TOKENS, { row, salt: COMPARED_SALT }),
  );
  const { tokens } = await decoder.generate(rows.map((row) => [...row]), COMPARED.tokens);
  const ours = await Promise.all(rows.map((row) => weftTokens(engine, row)));
  const same = ours.map((row, i) => {
    const other = row.findIndex((token, j) => token !== tokens[i][j]);
    return other < 0 ? row.length : other;
  });
  return same.reduce((a, b) => a + b) / (COMPARED.prompts * COMPARED.tokens);
}

async function weftTokens(engine: Engine, promptTokens: Uint32Array): Promise<number[]> {
  const answer: number[] = [];
  const events = engine.generate({
    id: crypto.randomUUID(),
    promptTokens,
    maxTokens: COMPARED.tokens,
    mixture: [],
    sampling: GREEDY,
    stopTokens: [],
    pauseTokens: [],
  }, new AbortController().signal);
  for await (const event of events) {
    if (event.kind === "tokens") answer.push(...event.tokens.map(({ token }) => token));
  }
  return answer;
}
