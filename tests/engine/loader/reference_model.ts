import type { ModelConfig } from "../../../engine/core/model_config.ts";
import {
  type LinearSource,
  type ModelDirectory,
  planWeights,
  readBias,
  readLinear,
  type TensorSource,
} from "../../../engine/loader/mod.ts";

/** A decoder in plain loops: what the loaded weights and configuration mean, spelled out. */
export class ReferenceModel {
  readonly #config: ModelConfig;
  readonly #weights: Weights;

  private constructor(config: ModelConfig, weights: Weights) {
    this.#config = config;
    this.#weights = weights;
  }

  /** `stored` gives what is kept of a matrix's values, for formats that lose some. */
  static async load(
    model: ModelDirectory,
    stored: (values: Float32Array, linear: LinearSource) => Float32Array = (values) => values,
  ): Promise<ReferenceModel> {
    return new ReferenceModel(model.config, await loadWeights(model, stored));
  }

  /** Logits `[vocab]` after the last token. */
  logits(tokens: readonly number[]): Float64Array {
    const { hiddenSize } = this.#config;
    const { embedding, layers, finalNorm, head } = this.#weights;
    const rows = tokens.map((token) =>
      Float64Array.from(embedding.weight.subarray(token * hiddenSize, (token + 1) * hiddenSize))
    );
    for (const layer of layers) this.#applyLayer(layer, rows);
    return multiply(head, this.#normalise(rows.at(-1)!, finalNorm));
  }

  #applyLayer(layer: LayerWeights, rows: Float64Array[]): void {
    const { numHeads, numKvHeads, headDim, intermediateSize, slidingWindow } = this.#config;
    const qSize = numHeads * headDim;
    const kvSize = numKvHeads * headDim;
    const projected = rows.map((row, position) => {
      const qkv = multiply(layer.qkv, this.#normalise(row, layer.inputNorm));
      for (let head = 0; head < numHeads + numKvHeads; head++) {
        const values = qkv.subarray(head * headDim, (head + 1) * headDim);
        const norm = head < numHeads ? layer.qNorm : layer.kNorm;
        if (norm) values.set(this.#normalise(values, norm));
        this.#rotate(values, position);
      }
      return qkv;
    });
    rows.forEach((row, position) => {
      const mixed = new Float64Array(qSize);
      const oldest = slidingWindow === 0 ? 0 : Math.max(0, position - slidingWindow + 1);
      for (let head = 0; head < numHeads; head++) {
        const q = projected[position].subarray(head * headDim, (head + 1) * headDim);
        const kvOffset = qSize + Math.floor(head / (numHeads / numKvHeads)) * headDim;
        const seen = projected.slice(oldest, position + 1);
        const scores = seen.map((kv) =>
          dot(q, kv.subarray(kvOffset, kvOffset + headDim)) / Math.sqrt(headDim)
        );
        const top = Math.max(...scores);
        const shares = scores.map((score) => Math.exp(score - top));
        const sum = shares.reduce((a, b) => a + b);
        seen.forEach((kv, i) => {
          for (let d = 0; d < headDim; d++) {
            mixed[head * headDim + d] += shares[i] / sum * kv[kvOffset + kvSize + d];
          }
        });
      }
      add(row, multiply(layer.attentionOut, mixed));
      const gateUp = multiply(layer.gateUp, this.#normalise(row, layer.postNorm));
      const gated = Float64Array.from({ length: intermediateSize }, (_, i) => {
        const gate = gateUp[i];
        return gate / (1 + Math.exp(-gate)) * gateUp[intermediateSize + i];
      });
      add(row, multiply(layer.down, gated));
    });
  }

  #normalise(values: Float64Array, weight: Float32Array): Float64Array {
    const scale = 1 / Math.sqrt(dot(values, values) / values.length + this.#config.rmsNormEps);
    return values.map((value, i) => value * scale * weight[i]);
  }

  /** Rotates the pairs (i, i + half) of a head in place. */
  #rotate(head: Float64Array, position: number): void {
    const half = head.length / 2;
    for (let i = 0; i < half; i++) {
      const angle = position * this.#frequency(i);
      const [a, b] = [head[i], head[i + half]];
      head[i] = a * Math.cos(angle) - b * Math.sin(angle);
      head[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
    }
  }

  #frequency(pair: number): number {
    const { ropeTheta, ropeScaling: scaling, headDim } = this.#config;
    const frequency = ropeTheta ** (-2 * pair / headDim);
    switch (scaling.kind) {
      case "none":
        return frequency;
      case "linear":
        return frequency / scaling.factor;
      case "llama3": {
        const turns = scaling.originalMaxPositionEmbeddings * frequency / (2 * Math.PI);
        const { lowFreqFactor: low, highFreqFactor: high, factor } = scaling;
        const keep = Math.min(1, Math.max(0, (turns - low) / (high - low)));
        return keep * frequency + (1 - keep) * frequency / factor;
      }
    }
  }
}

interface Matrix {
  weight: Float32Array;
  bias: Float32Array | null;
  rows: number;
  cols: number;
}

type Weights = Awaited<ReturnType<typeof loadWeights>>;
type LayerWeights = Weights["layers"][number];

async function loadWeights(
  model: ModelDirectory,
  stored: (values: Float32Array, linear: LinearSource) => Float32Array,
) {
  const plan = planWeights(model.config, model.tensors);
  const matrix = async (linear: LinearSource): Promise<Matrix> => {
    const { rows, cols } = linear;
    const weight = new Float32Array(rows * cols);
    for await (const { offsetElements, data } of readLinear(model, linear, { target: "f32" })) {
      weight.set(data, offsetElements);
    }
    return { rows, cols, weight: stored(weight, linear), bias: await readBias(model, linear) };
  };
  const norm = (source: TensorSource) => model.read(source.name);
  const embedding = await matrix(plan.embedding);
  const layers = await Promise.all(plan.layers.map(async (layer) => ({
    inputNorm: await norm(layer.inputNorm),
    qkv: await matrix(layer.qkv),
    qNorm: layer.qNorm && await norm(layer.qNorm),
    kNorm: layer.kNorm && await norm(layer.kNorm),
    attentionOut: await matrix(layer.attentionOut),
    postNorm: await norm(layer.postNorm),
    gateUp: await matrix(layer.gateUp),
    down: await matrix(layer.down),
  })));
  const head = plan.head ? await matrix(plan.head) : embedding;
  return { embedding, layers, finalNorm: await norm(plan.finalNorm), head };
}

function multiply({ weight, bias, rows, cols }: Matrix, values: Float64Array): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = bias ? bias[row] : 0;
    for (let col = 0; col < cols; col++) sum += weight[row * cols + col] * values[col];
    out[row] = sum;
  }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function add(target: Float64Array, values: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] += values[i];
}
