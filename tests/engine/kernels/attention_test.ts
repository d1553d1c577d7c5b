import type { ModelConfig } from "../../../engine/core/model_config.ts";
import {
  Attention,
  attentionReference,
  canSplitKeys,
  decodeSpans,
  partsLength,
} from "../../../engine/kernels/attention.ts";
import { PromptAttention } from "../../../engine/kernels/prompt_attention.ts";
import { RopeKv, rotationTable } from "../../../engine/kernels/rope_kv.ts";
import { assertClose, type Bench, kernelTest, randoms } from "./harness.ts";

const INACTIVE = 0xffffffff;

function modelConfig(shape: Partial<ModelConfig>): ModelConfig {
  return {
    architecture: "llama",
    vocabSize: 64,
    hiddenSize: 64,
    intermediateSize: 64,
    numLayers: 1,
    numHeads: 4,
    numKvHeads: 2,
    headDim: 16,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    ropeScaling: { kind: "none" },
    maxPositionEmbeddings: 4096,
    tieWordEmbeddings: true,
    qkvBias: false,
    outBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindow: 0,
    eosTokenIds: [],
    ...shape,
  };
}

/** Rotation and head norm of one head on the host. */
function rotate(head: Float32Array, options: {
  config: ModelConfig;
  table: Float32Array;
  position: number;
  norm?: Float32Array;
}): Float32Array {
  const { config, norm } = options;
  const table = options.table.subarray(options.position * head.length);
  const half = head.length / 2;
  let squares = 0;
  for (const value of head) squares += value ** 2;
  const scale = norm ? 1 / Math.sqrt(squares / head.length + config.rmsNormEps) : 1;
  const normed = head.map((value, i) => value * scale * (norm?.[i] ?? 1));
  return normed.map((value, i) =>
    i < half
      ? value * table[i] - normed[i + half] * table[half + i]
      : value * table[i - half] + normed[i - half] * table[i]
  );
}

/**
 * Runs sequences of the given lengths through RopeKv (all tokens as one prefill) and Attention, in
 * shuffled cache blocks, and returns every token's output with the host's.
 */
async function run(bench: Bench, config: ModelConfig, options: {
  lengths: number[];
  maxModelLen: number;
  kind: "prefill" | "decode";
  keysPerLane?: boolean;
}): Promise<{ got: Float32Array; expected: Float32Array }> {
  const { lengths, maxModelLen, kind } = options;
  const { numHeads, numKvHeads, headDim } = config;
  const maxBlocks = Math.ceil(maxModelLen / 16);
  const stride = (numHeads + 2 * numKvHeads) * headDim;
  const places = lengths.flatMap((length, row) =>
    Array.from({ length }, (_, position) => ({ row, position }))
  );
  const tokens = places.length;
  const x = randoms(tokens * stride, tokens, 2);
  const table = rotationTable(config, maxModelLen);
  const norm = config.qkNorm ? randoms(2 * headDim, 5) : undefined;
  const numBlocks = lengths.reduce((sum, length) => sum + Math.ceil(length / 16), 0) + 3;
  const free = Array.from({ length: numBlocks }, (_, i) => (i * 7 + 2) % numBlocks)
    .filter((block, i, all) => all.indexOf(block) === i);
  const tables = new Uint32Array(lengths.length * maxBlocks);
  lengths.forEach((length, row) => {
    for (let b = 0; b < Math.ceil(length / 16); b++) tables[row * maxBlocks + b] = free.pop()!;
  });
  const cacheSize = numBlocks * numKvHeads * 16 * headDim;
  // What no token wrote must not be seen, not even times a weight of 0.
  const cache = {
    k: bench.weights(new Float32Array(cacheSize).fill(NaN)),
    v: bench.weights(new Float32Array(cacheSize).fill(NaN)),
  };
  const buffers = { x: bench.f32(x), cache };
  const { uniforms, recorder, kernels } = bench;
  const writePlaces = {
    positions: bench.u32(places.map((p) => p.position)),
    rows: bench.u32(places.map((p) => p.row)),
    blockTables: bench.u32(tables),
  };
  new RopeKv(kernels, {
    ...buffers,
    places: writePlaces,
    rotation: bench.f32(table),
    headNorm: norm ? bench.f32(norm) : undefined,
  }, { config, maxBlocks, uniforms }).record(recorder, tokens);

  const inactive = tokens - 1;
  const readRows = places.map((p, i) => i === inactive && tokens > 1 ? INACTIVE : p.row);
  const { spans } = decodeSpans(maxModelLen);
  const y = bench.f32(tokens * numHeads * headDim);
  const readPlaces = { ...writePlaces, rows: bench.u32(readRows) };
  if (kind === "prefill") {
    new PromptAttention(kernels, { ...buffers, places: readPlaces, y }, {
      config,
      maxBlocks,
      uniforms,
      keysPerLane: options.keysPerLane,
    }).record(recorder, tokens);
  } else {
    const parts = bench.f32(partsLength(config, { tokens, spans }));
    new Attention(kernels, { ...buffers, places: readPlaces, y, parts }, {
      config,
      maxBlocks,
      maxModelLen,
      uniforms,
      keysPerLane: options.keysPerLane,
    }).record(recorder, { tokens, contextLength: Math.max(...lengths) });
  }

  const expected = new Float32Array(tokens * numHeads * headDim);
  const headOf = (token: number, head: number) =>
    x.subarray(token * stride + head * headDim, token * stride + (head + 1) * headDim);
  const keys = Array.from({ length: tokens * numKvHeads }, (_, i) => {
    const token = Math.floor(i / numKvHeads);
    const head = headOf(token, numHeads + i % numKvHeads);
    const rotated = rotate(head, {
      config,
      table,
      position: places[token].position,
      norm: norm?.subarray(headDim),
    });
    return bench.rounded(rotated);
  });
  const values = Array.from(
    keys,
    (_, i) =>
      bench.rounded(headOf(Math.floor(i / numKvHeads), numHeads + numKvHeads + i % numKvHeads)),
  );
  places.forEach(({ position }, token) => {
    if (readRows[token] === INACTIVE) return;
    const start = token - position;
    const first = config.slidingWindow > 0 ? Math.max(0, position + 1 - config.slidingWindow) : 0;
    for (let head = 0; head < numHeads; head++) {
      const kv = Math.floor(head / (numHeads / numKvHeads));
      const context = Array.from(
        { length: position + 1 - first },
        (_, j) => (start + first + j) * numKvHeads + kv,
      );
      const q = rotate(headOf(token, head), { config, table, position, norm });
      const y = attentionReference(
        q,
        context.map((at) => keys[at]),
        context.map((at) => values[at]),
      );
      expected.set(y, (token * numHeads + head) * headDim);
    }
  });
  return { got: await bench.readF32(y, expected.length), expected };
}

/** Of decoding: invocations that share keys, and lanes with keys of their own where that can be. */
function waysOf(config: ModelConfig, { kernels }: Bench): boolean[] {
  return canSplitKeys(config, kernels) ? [false, true] : [false];
}

for (const kind of ["prefill", "decode"] as const) {
  kernelTest(`attention (${kind}) equals the host over head groups and lengths`, async (bench) => {
    const shapes: Partial<ModelConfig>[] = [
      { numHeads: 4, numKvHeads: 2, headDim: 16 },
      { numHeads: 3, numKvHeads: 3, headDim: 8 },
      { numHeads: 7, numKvHeads: 1, headDim: 64, qkNorm: true },
      { numHeads: 20, numKvHeads: 2, headDim: 8, slidingWindow: 20 },
      { numHeads: 2, numKvHeads: 1, headDim: 32 },
    ];
    for (const shape of shapes) {
      const config = modelConfig(shape);
      for (const keysPerLane of waysOf(config, bench)) {
        const { got, expected } = await run(bench, config, {
          lengths: [1, 16, 100, 33],
          maxModelLen: 1024,
          kind,
          keysPerLane,
        });
        assertClose(got, expected, bench.kernels.dtype === "f16" ? 4e-3 : 2e-4);
      }
    }
  });
}

kernelTest("long decode contexts are cut in spans and joined", async (bench) => {
  const config = modelConfig({ numHeads: 2, numKvHeads: 1, headDim: 8 });
  for (const keysPerLane of waysOf(config, bench)) {
    const { got, expected } = await run(bench, config, {
      lengths: [300, 5, 530],
      maxModelLen: 1024,
      kind: "decode",
      keysPerLane,
    });
    assertClose(got, expected, bench.kernels.dtype === "f16" ? 4e-3 : 2e-4);
  }
});
