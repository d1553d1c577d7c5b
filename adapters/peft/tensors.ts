import { type AdapterModule, projectionShape } from "../../engine/core/adapter_weights.ts";
import {
  decodeF32,
  F16_MAX,
  findNonFinite,
  FLOAT_DTYPES,
  isFloatDtype,
} from "../../engine/core/dtype.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { parseSafetensors, type TensorInfo } from "../../engine/core/safetensors.ts";
import { quote, refuse, summarise } from "./refuse.ts";
import type { TargetModule } from "./targets.ts";

/** PEFT's wrapper around the base; files saved from the bare modules lack it. */
const PREFIX = "base_model.model.";
/**
 * Five times what 290 layers with all projections take. It is parsed in one go, on the thread that streams answers.
 */
export const MAX_WEIGHTS_HEADER_BYTES = 4_000_000;
/** Elements to convert before other work on this thread gets a turn: about 2 ms. */
const ELEMENTS_PER_TURN = 1 << 20;

export interface TensorOptions {
  model: ModelConfig;
  /** What the values must fit in; f32 unless told. */
  dtype?: "f16" | "f32";
  signal?: AbortSignal;
}

/**
 * Takes each target's A and B from a safetensors file and converts them to f32. Yields to other work on
 * the thread now and then.
 *
 * @throws {WeftError} `bad_adapter` when the file is malformed, a tensor is missing, is not expected, has a
 *   wrong shape or dtype, or holds NaN, infinity or what `dtype` can't. What `signal` holds when it aborts.
 */
export async function readModules(
  bytes: Uint8Array,
  targets: readonly TargetModule[],
  { model, dtype = "f32", signal }: TensorOptions,
): Promise<AdapterModule[]> {
  const pairs = pairTensors(tensorsByName(bytes), { targets, model });
  const modules: AdapterModule[] = [];
  let elements = 0;
  for (const { target, a, b } of pairs) {
    const { layer, projection, rank, scale } = target;
    const [valuesA, valuesB] = [a, b].map((tensor) => {
      const values = decode(bytes, tensor);
      if (dtype === "f16") refuseBeyondF16(values, tensor);
      return values;
    });
    modules.push({ layer, projection, rank, scale, a: valuesA, b: valuesB });
    elements += a.elements + b.elements;
    if (elements >= ELEMENTS_PER_TURN) {
      elements = 0;
      await new Promise((resolve) => setTimeout(resolve));
      signal?.throwIfAborted();
    }
  }
  return modules;
}

interface TensorPair {
  target: TargetModule;
  a: TensorInfo;
  b: TensorInfo;
}

function tensorsByName(bytes: Uint8Array): Map<string, TensorInfo> {
  const { tensors } = parseSafetensors(bytes, {
    code: "bad_adapter",
    label: "adapter_model.safetensors",
    maxHeaderBytes: MAX_WEIGHTS_HEADER_BYTES,
  });
  const byName = new Map<string, TensorInfo>();
  for (const tensor of tensors.values()) {
    const name = tensor.name.startsWith(PREFIX) ? tensor.name.slice(PREFIX.length) : tensor.name;
    if (byName.has(name)) throw refuse(`it holds ${quote(name)} both with and without "${PREFIX}"`);
    byName.set(name, tensor);
  }
  return byName;
}

/** Checks everything that needs no data. */
function pairTensors(
  tensors: Map<string, TensorInfo>,
  { targets, model }: { targets: readonly TargetModule[]; model: ModelConfig },
): TensorPair[] {
  const missing: string[] = [];
  const take = (name: string) => {
    const tensor = tensors.get(name);
    if (tensor === undefined) missing.push(name);
    tensors.delete(name);
    return tensor;
  };
  const pairs = targets.map((target) => ({
    target,
    a: take(`${target.name}.lora_A.weight`),
    b: take(`${target.name}.lora_B.weight`),
  }));
  if (tensors.size > 0) throw refuse(explainExtra([...tensors.keys()], model));
  const found = pairs.filter((pair): pair is TensorPair =>
    pair.a !== undefined && pair.b !== undefined
  );
  if (missing.length > 0) {
    throw refuse(`it targets modules whose tensors are missing: ${summarise(missing)}`);
  }
  for (const { target, a, b } of found) {
    const { inSize, outSize } = projectionShape(model, target.projection);
    checkTensor(a, { shape: [target.rank, inSize], rankAxis: 0 });
    checkTensor(b, { shape: [outSize, target.rank], rankAxis: 1 });
  }
  return found;
}

/** Why tensors beside the targets' cannot be used. */
function explainExtra(names: readonly string[], { numLayers }: ModelConfig): string {
  const some = (pattern: RegExp) => names.filter((name) => pattern.test(name));
  const embeddings = some(/(^|\.)(embed_tokens|lm_head)\.|lora_embedding_/);
  if (embeddings.length > 0) {
    return `it holds embeddings or a head (${summarise(embeddings)}), which are not supported`;
  }
  const magnitudes = some(/lora_magnitude_vector/);
  if (magnitudes.length > 0) {
    return `it holds DoRA magnitudes (${summarise(magnitudes)}), which are not supported`;
  }
  const biases = some(/\.bias$/);
  if (biases.length > 0) return `it holds biases (${summarise(biases)}), which are not supported`;
  const deeper = names.filter((name) =>
    Number(/^model\.layers\.(\d+)\./.exec(name)?.[1] ?? -1) >= numLayers
  );
  if (deeper.length > 0) {
    return `it is made for another base: it holds ${
      summarise(deeper)
    }, but this base has ${numLayers} layers`;
  }
  return `it holds tensors that its target_modules do not name or that this base lacks: ${
    summarise(names)
  }`;
}

function checkTensor(
  tensor: TensorInfo,
  { shape, rankAxis }: { shape: readonly [number, number]; rankAxis: 0 | 1 },
): void {
  const { name, dtype } = tensor;
  const [found, expected] = [showShape(tensor.shape), showShape(shape)];
  if (tensor.shape.length !== 2) {
    throw refuse(`${quote(name)} has shape ${found}; expected ${expected}`);
  }
  if (tensor.shape[1 - rankAxis] !== shape[1 - rankAxis]) {
    throw refuse(
      `it is made for another base: ${quote(name)} has shape ${found}; expected ${expected}`,
    );
  }
  if (tensor.shape[rankAxis] !== shape[rankAxis]) {
    throw refuse(
      `${quote(name)} has rank ${
        tensor.shape[rankAxis]
      } (shape ${found}), but its configuration says ` +
        `${shape[rankAxis]}`,
    );
  }
  if (!isFloatDtype(dtype)) {
    throw refuse(`${quote(name)} has dtype ${dtype}; supported are ${FLOAT_DTYPES.join(", ")}`);
  }
}

function showShape(shape: readonly number[]): string {
  const more = shape.length > 8 ? `, and ${shape.length - 8} more` : "";
  return `[${shape.slice(0, 8).join(", ")}${more}]`;
}

function decode(bytes: Uint8Array, tensor: TensorInfo): Float32Array {
  const { name, dtype, offset, byteLength } = tensor;
  if (!isFloatDtype(dtype)) throw new TypeError(`unchecked dtype ${dtype}`);
  const values = decodeF32(dtype, bytes.subarray(offset, offset + byteLength));
  const bad = findNonFinite(values);
  if (bad >= 0) throw refuse(`${quote(name)} holds ${values[bad]} at element ${bad}`);
  return values;
}

/** The GPU would refuse it, but only once a request needs it. */
function refuseBeyondF16(values: Float32Array, { name }: TensorInfo): void {
  // A plain loop: there may be hundreds of millions.
  let at = 0;
  while (at < values.length && Math.abs(values[at]) <= F16_MAX) at++;
  if (at === values.length) return;
  throw refuse(
    `${quote(name)} holds ${values[at]}, beyond f16's largest value ${F16_MAX}: use --dtype f32`,
  );
}
