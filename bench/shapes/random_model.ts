import { mkdir, open, writeFile } from "node:fs/promises";
import type { Shape } from "./shapes.ts";

/** Values in the pool that all matrices are cut from: prime, so that no two rows start alike. */
const POOL_VALUES = 8_388_593;
const DEVIATION = 0.02;

interface Tensor {
  name: string;
  shape: number[];
  kind: "matrix" | "norm" | "bias";
}

/** Writes a model directory of random f16 weights, a shard for each layer; resolves to the bytes of weights. */
export async function writeRandomModel(directory: string, shape: Shape): Promise<number> {
  await mkdir(directory, { recursive: true });
  await writeFile(`${directory}/config.json`, JSON.stringify(shape.config));
  await writeFile(`${directory}/generation_config.json`, "{}");
  const pool = normalPool();
  const weightMap: Record<string, string> = {};
  let total = 0;
  for (const [index, tensors] of shards(shape.config).entries()) {
    const file = `model-${String(index).padStart(5, "0")}.safetensors`;
    for (const { name } of tensors) weightMap[name] = file;
    total += await writeShard(`${directory}/${file}`, tensors, pool);
  }
  await writeFile(
    `${directory}/model.safetensors.index.json`,
    JSON.stringify({ metadata: { total_size: total }, weight_map: weightMap }),
  );
  return total;
}

function shards(config: Record<string, unknown>): Tensor[][] {
  const n = (key: string) => config[key] as number;
  const hidden = n("hidden_size");
  const head = hidden / n("num_attention_heads");
  const kv = n("num_key_value_heads") * head;
  const matrix = (name: string, rows: number, columns: number): Tensor => ({
    name,
    shape: [rows, columns],
    kind: "matrix",
  });
  const norm = (name: string): Tensor => ({ name, shape: [hidden], kind: "norm" });
  const outer = [
    matrix("model.embed_tokens.weight", n("vocab_size"), hidden),
    norm("model.norm.weight"),
  ];
  if (!config.tie_word_embeddings) outer.push(matrix("lm_head.weight", n("vocab_size"), hidden));
  const layers = Array.from({ length: n("num_hidden_layers") }, (_, i) => {
    const at = `model.layers.${i}`;
    const tensors = [
      norm(`${at}.input_layernorm.weight`),
      norm(`${at}.post_attention_layernorm.weight`),
      matrix(`${at}.self_attn.q_proj.weight`, hidden, hidden),
      matrix(`${at}.self_attn.k_proj.weight`, kv, hidden),
      matrix(`${at}.self_attn.v_proj.weight`, kv, hidden),
      matrix(`${at}.self_attn.o_proj.weight`, hidden, hidden),
      matrix(`${at}.mlp.gate_proj.weight`, n("intermediate_size"), hidden),
      matrix(`${at}.mlp.up_proj.weight`, n("intermediate_size"), hidden),
      matrix(`${at}.mlp.down_proj.weight`, hidden, n("intermediate_size")),
    ];
    if (config.model_type === "qwen2") {
      for (const [projection, rows] of [["q", hidden], ["k", kv], ["v", kv]] as const) {
        tensors.push({
          name: `${at}.self_attn.${projection}_proj.bias`,
          shape: [rows],
          kind: "bias",
        });
      }
    }
    return tensors;
  });
  return [outer, ...layers];
}

async function writeShard(path: string, tensors: Tensor[], pool: Uint16Array): Promise<number> {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const { name, shape } of tensors) {
    const bytes = 2 * shape.reduce((a, b) => a * b);
    header[name] = { dtype: "F16", shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = JSON.stringify(header);
  const encoded = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(encoded.length), true);
  const file = await open(path, "w");
  try {
    await file.write(prefix);
    await file.write(encoded);
    let start = 0;
    for (const { shape, kind } of tensors) {
      let left = shape.reduce((a, b) => a * b);
      if (kind === "norm") {
        await file.write(bytesOf(new Uint16Array(left).fill(0x3c00)));
        continue;
      }
      while (left > 0) {
        const part = pool.subarray(start, Math.min(pool.length, start + left));
        await file.write(bytesOf(part));
        left -= part.length;
        start = (start + part.length) % pool.length;
      }
    }
  } finally {
    await file.close();
  }
  return end;
}

/** Normal values as f16 bits, from a fixed seed. */
function normalPool(): Uint16Array {
  let state = 0x9e3779b9;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  const values = new Float16Array(POOL_VALUES);
  for (let i = 0; i < values.length; i++) {
    values[i] = DEVIATION * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  return new Uint16Array(values.buffer);
}

function bytesOf(values: Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
