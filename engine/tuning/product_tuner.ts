import {
  PRODUCT_TILE_NAMES,
  type ProductTileName,
  type ProductTuning,
  ROW_SHARES,
  type RowShare,
  type TilePlan,
} from "../core/tuning.ts";
import { type Gpu, Readback, type Recorder } from "../gpu/mod.ts";
import {
  defaultTilePlan,
  FewTokenLinear,
  type KernelSet,
  ManyTokenLinear,
  type Matrix,
} from "../kernels/mod.ts";
import type { ModelWeights } from "../model/mod.ts";
import { best, type Candidate, Stopwatch } from "./turns.ts";

/** Prompts of so many tokens or more may have a tile of their own; it is chosen at twice as many. */
const PROMPT_SIZES = [1, 32, 128, 512];
/** Rows that decode: one waits for memory, eight for arithmetic as well. */
const DECODE_SIZES = [1, 8];
/** Elements of a result that are compared. */
const COMPARED = 4096;

export interface TunerParts {
  kernels: KernelSet;
  recorder: Recorder;
  /** Prompt tokens of a step at most. */
  maxPrefillTokens: number;
}

/**
 * Measures the variants of the products' kernels with a model's own matrices, one layer's after
 * another's, so that none is found in a cache where a step wouldn't find it.
 */
export async function tuneProducts(
  weights: ModelWeights,
  parts: TunerParts,
): Promise<ProductTuning[]> {
  const readback = await Readback.open(parts.kernels.gpu, 4 * COMPARED);
  const tuner = new ProductTuner(parts, readback);
  const ofLayers = weights.layers.flatMap(({ qkv, out, gateUp, down }) => [qkv, out, gateUp, down]);
  const tuned = [];
  for (const matrices of byShape(ofLayers.map(({ weight }) => weight))) {
    tuned.push(await tuner.tuneLayers(matrices));
  }
  tuned.push(await tuner.tuneHead(weights.head));
  await readback.close();
  return tuned;
}

function byShape(matrices: readonly Matrix[]): Matrix[][] {
  const shapes = Map.groupBy(matrices, ({ rows, cols, format }) => `${rows} ${cols} ${format}`);
  return [...shapes.values()];
}

class ProductTuner {
  readonly #parts: TunerParts;
  readonly #readback: Readback;
  readonly #stopwatch: Stopwatch;

  constructor(parts: TunerParts, readback: Readback) {
    this.#parts = parts;
    this.#readback = readback;
    this.#stopwatch = new Stopwatch(parts.recorder, readback);
  }

  /** Matrices of one shape, which both prompts and decoding rows are multiplied with. */
  async tuneLayers(matrices: readonly Matrix[]): Promise<ProductTuning> {
    const { maxPrefillTokens } = this.#parts;
    const { rows, cols, format } = matrices[0];
    const sizes = PROMPT_SIZES.filter((size) => size <= maxPrefillTokens);
    const probes = sizes.map((size) => Math.min(2 * size, maxPrefillTokens));
    using scratch = this.#scratch(matrices[0], Math.max(...DECODE_SIZES, ...probes));
    const tiles: { tokens: number; tile: ProductTileName }[] = [];
    for (const [i, tokens] of sizes.entries()) {
      const tile = await this.#bestTile(matrices, scratch, probes[i]);
      if (tiles.at(-1)?.tile !== tile) tiles.push({ tokens, tile });
    }
    return { rows, cols, format, tiles, share: await this.#bestShare(matrices, scratch) };
  }

  /** Only the last token of a prompt meets it, as decoding rows do. */
  async tuneHead(head: Matrix): Promise<ProductTuning> {
    const { rows, cols, format } = head;
    using scratch = this.#scratch(head, Math.max(...DECODE_SIZES));
    return { rows, cols, format, share: await this.#bestShare([head], scratch) };
  }

  async #bestTile(
    matrices: readonly Matrix[],
    { x, y }: Scratch,
    tokens: number,
  ): Promise<ProductTileName> {
    const { kernels, recorder } = this.#parts;
    const uniforms = recorder.uniforms.buffer;
    const candidates = new Map<ProductTileName, Candidate>();
    let expected: Uint32Array | null = null;
    const [{ tile: usual }] = defaultTilePlan(kernels);
    for (const tile of new Set([usual, ...PRODUCT_TILE_NAMES])) {
      const tiles: TilePlan = [{ tokens: 1, tile }];
      const products = matrices.map((weight) =>
        new ManyTokenLinear(kernels, { x, weight, y }, { uniforms, tiles })
      );
      if (!products[0].fits(tile)) continue;
      products[0].record(recorder, tokens);
      const result = await this.#bitsOf(y, tokens * matrices[0].rows);
      expected ??= result;
      // The number of tokens chooses the tile, and no bit of a result may depend on it.
      if (result.some((bits, i) => bits !== expected![i])) continue;
      candidates.set(tile, (i) => products[i % products.length].record(recorder, tokens));
    }
    return best(await this.#stopwatch.leastOf(candidates, y));
  }

  async #bestShare(matrices: readonly Matrix[], { x, y }: Scratch): Promise<RowShare> {
    const { kernels, recorder } = this.#parts;
    const uniforms = recorder.uniforms.buffer;
    const shares = ROW_SHARES.filter((share) => share !== "lanes" || kernels.hasSubgroups);
    const slowness = new Map<RowShare, number>(shares.map((share) => [share, 1]));
    for (const tokens of DECODE_SIZES) {
      const candidates = new Map<RowShare, Candidate>(shares.map((share) => {
        const products = matrices.map((weight) =>
          new FewTokenLinear(kernels, { x, weight, y }, { uniforms, share })
        );
        return [share, (i) => products[i % products.length].record(recorder, { tokens })];
      }));
      const times = await this.#stopwatch.leastOf(candidates, y);
      const least = Math.min(...times.values());
      for (const [share, ms] of times) slowness.set(share, slowness.get(share)! * ms / least);
    }
    return best(slowness);
  }

  #scratch({ rows, cols }: Matrix, tokens: number): Scratch {
    return new Scratch(this.#parts.kernels.gpu, { rows, cols, tokens });
  }

  async #bitsOf(y: GPUBuffer, elements: number): Promise<Uint32Array> {
    const bytes = 4 * Math.min(elements, COMPARED);
    const [read] = await this.#readback.read(this.#parts.recorder, [{ buffer: y, bytes }]);
    return new Uint32Array(read);
  }
}

/** Vectors to multiply, and room for what comes of them. */
class Scratch {
  readonly x: GPUBuffer;
  readonly y: GPUBuffer;

  constructor(
    { device }: Gpu,
    { rows, cols, tokens }: { rows: number; cols: number; tokens: number },
  ) {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const storage = (label: string, elements: number) =>
      device.createBuffer({ label, size: Math.ceil(elements / 4) * 16, usage });
    this.x = storage("tuning x", tokens * cols);
    this.y = storage("tuning y", tokens * rows);
    const row = Float32Array.from({ length: cols }, (_, i) => Math.sin(i));
    for (let t = 0; t < tokens; t++) device.queue.writeBuffer(this.x, 4 * t * cols, row);
  }

  [Symbol.dispose](): void {
    this.x.destroy();
    this.y.destroy();
  }
}
