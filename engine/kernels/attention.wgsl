// Paged attention of one query token against a span of its context, for up to GROUP query heads that
// share a key-value head. Walks the span in chunks of 64 keys with a running softmax. A context that
// fits one span is finished here; else the parts meet in attention_combine.
struct Params {
  heads: u32, kv_heads: u32, dim4: u32, max_blocks: u32,
  // Chunks of 64 keys per span, spans per token in `parts`, and the sliding window (0: none).
  chunks: u32, spans: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
// Rotated q ++ (k ++ v, unused).
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> block_tables: array<u32>;
@group(0) @binding(5) var<storage, read> k_cache: array<W4>;
@group(0) @binding(6) var<storage, read> v_cache: array<W4>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
// [token][head][span]: (max, sum, 0, 0) then dim/4 unnormalised values.
@group(0) @binding(8) var<storage, read_write> parts: array<vec4<f32>>;

override GROUP: u32 = 8u;
override DIM4: u32 = 32u;
const KEYS = 64u;
const BLOCK = 16u;
const INACTIVE = 0xffffffffu;
const LOWEST = -1e30;

var<workgroup> scores: array<f32, GROUP * 64u>;
var<workgroup> values: array<vec4<f32>, GROUP * DIM4>;
var<workgroup> highest: array<f32, GROUP>;
var<workgroup> sums: array<f32, GROUP>;
var<workgroup> shrink: array<f32, GROUP>;

fn put(g: u32, key: u32, score: f32, visible: bool) {
  scores[g * KEYS + key] = select(LOWEST, score * params.scale, visible);
}

@compute @workgroup_size(KEYS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let token = group.y;
  let span = group.z;
  let row = rows[token];
  if (row == INACTIVE) { return; }
  let position = positions[token];
  let end = position / KEYS + 1u;
  if (span * params.chunks >= end) { return; }
  let first_key = select(0u, position + 1u - params.window, params.window > 0u && position >= params.window);

  // GROUP query heads of one key-value head; several such groups where it serves more.
  let per_kv = params.heads / params.kv_heads;
  let groups = (per_kv + GROUP - 1u) / GROUP;
  let kv_head = group.x / groups;
  let head = kv_head * per_kv + (group.x % groups) * GROUP;
  let heads = min(GROUP, (kv_head + 1u) * per_kv - head);
  let dim4 = params.dim4;
  let stride = (params.heads + 2u * params.kv_heads) * dim4;
  let q0 = token * stride + head * dim4;
  let table = row * params.max_blocks;

  for (var i = local; i < GROUP * DIM4; i += KEYS) { values[i] = vec4<f32>(); }
  if (local < GROUP) {
    highest[local] = LOWEST;
    sums[local] = 0.0;
  }

  let begin = max(span * params.chunks, first_key / KEYS);
  let stop = min((span + 1u) * params.chunks, end);
  for (var chunk = begin; chunk < stop; chunk++) {
    let key = chunk * KEYS + local;
    let visible = key <= position && key >= first_key;
    // Scores: one key an invocation, all heads of the group.
    let block = block_tables[table + min(key, position) / BLOCK];
    let k0 = ((block * params.kv_heads + kv_head) * BLOCK + key % BLOCK) * dim4;
    var s0 = 0.0; var s1 = 0.0; var s2 = 0.0; var s3 = 0.0;
    var s4 = 0.0; var s5 = 0.0; var s6 = 0.0; var s7 = 0.0;
    if (visible) {
      for (var d = 0u; d < dim4; d++) {
        let k = vec4<f32>(k_cache[k0 + d]);
        s0 += dot(x[q0 + d], k);
        if (GROUP > 1u) { s1 += dot(x[q0 + dim4 + d], k); }
        if (GROUP > 2u) {
          s2 += dot(x[q0 + 2u * dim4 + d], k);
          s3 += dot(x[q0 + 3u * dim4 + d], k);
        }
        if (GROUP > 4u) {
          s4 += dot(x[q0 + 4u * dim4 + d], k);
          s5 += dot(x[q0 + 5u * dim4 + d], k);
          s6 += dot(x[q0 + 6u * dim4 + d], k);
          s7 += dot(x[q0 + 7u * dim4 + d], k);
        }
      }
    }
    workgroupBarrier();
    put(0u, local, s0, visible);
    if (GROUP > 1u) { put(1u, local, s1, visible); }
    if (GROUP > 2u) { put(2u, local, s2, visible); put(3u, local, s3, visible); }
    if (GROUP > 4u) {
      put(4u, local, s4, visible); put(5u, local, s5, visible);
      put(6u, local, s6, visible); put(7u, local, s7, visible);
    }
    workgroupBarrier();
    // Softmax of the chunk: LANES invocations a head.
    let lane = local % LANES;
    for (var g0 = 0u; g0 < GROUP; g0 += KEYS / LANES) {
      let g = g0 + local / LANES;
      let mine = g < GROUP;
      let at = min(g, GROUP - 1u) * KEYS;
      var top = LOWEST;
      for (var i = lane; i < KEYS; i += LANES) { top = max(top, scores[at + i]); }
      let old = highest[at / KEYS];
      let high = max(old, max_lanes(top, local));
      var sum = 0.0;
      for (var i = lane; i < KEYS; i += LANES) {
        let score = scores[at + i];
        let weight = exp(score - high);
        if (mine) { scores[at + i] = weight; }
        sum += weight;
      }
      let total = sum_lanes(sum, local);
      if (mine && lane == 0u) {
        let factor = exp(old - high);
        shrink[g] = factor;
        sums[g] = sums[g] * factor + total;
        highest[g] = high;
      }
    }
    workgroupBarrier();
    // Values: one quarter-vector of one head an invocation.
    for (var i = local; i < GROUP * DIM4; i += KEYS) {
      let g = i / DIM4;
      let d = i % DIM4;
      var value = values[i] * shrink[g];
      for (var b = 0u; b < KEYS / BLOCK; b++) {
        let start = chunk * KEYS + b * BLOCK;
        if (start > position) { break; }
        let v0 = ((block_tables[table + start / BLOCK] * params.kv_heads + kv_head) * BLOCK) * dim4 + d;
        for (var j = 0u; j < min(BLOCK, position + 1u - start); j++) {
          value += scores[g * KEYS + b * BLOCK + j] * vec4<f32>(v_cache[v0 + j * dim4]);
        }
      }
      values[i] = value;
    }
  }

  workgroupBarrier();
  let single = end <= params.chunks;
  for (var i = local; i < heads * DIM4; i += KEYS) {
    let g = i / DIM4;
    let d = i % DIM4;
    if (single) {
      y[(token * params.heads + head + g) * dim4 + d] = values[i] / sums[g];
    } else {
      let part = ((token * params.heads + head + g) * params.spans + span) * (dim4 + 1u);
      parts[part + 1u + d] = values[i];
      if (d == 0u) { parts[part] = vec4(highest[g], sums[g], 0.0, 0.0); }
    }
  }
}
