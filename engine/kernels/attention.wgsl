// Paged attention of one query token against a span of its context, for up to GROUP query heads that
// share a key-value head. Walks the span in chunks of 64 keys with a running softmax. A context that
// fits one span is finished here; else the parts meet in attention_combine.
@group(0) @binding(5) var<storage, read> k_cache: array<W4>;
@group(0) @binding(6) var<storage, read> v_cache: array<W4>;

var<workgroup> queries: array<vec4<f32>, GROUP * DIM4>;
var<workgroup> scores: array<f32, GROUP * 64u>;
var<workgroup> values: array<vec4<f32>, GROUP * DIM4>;
var<workgroup> highest: array<f32, GROUP>;
var<workgroup> sums: array<f32, GROUP>;
var<workgroup> shrink: array<f32, GROUP>;

// The dot products of one quarter-vector of a key with the same of all the group's queries.
fn score(k: vec4<f32>, d: u32) -> array<vec4<f32>, 2> {
  var low = vec4<f32>(dot(queries[d], k), 0.0, 0.0, 0.0);
  var high = vec4<f32>();
  if (GROUP > 1u) { low.y = dot(queries[DIM4 + d], k); }
  if (GROUP > 2u) {
    low.z = dot(queries[2u * DIM4 + d], k);
    low.w = dot(queries[3u * DIM4 + d], k);
  }
  if (GROUP > 4u) {
    high = vec4(
      dot(queries[4u * DIM4 + d], k),
      dot(queries[5u * DIM4 + d], k),
      dot(queries[6u * DIM4 + d], k),
      dot(queries[7u * DIM4 + d], k),
    );
  }
  return array<vec4<f32>, 2>(low, high);
}

fn put(g: u32, key: u32, score: f32, visible: bool) {
  scores[g * KEYS + key] = select(LOWEST, score * params.scale, visible);
}

@compute @workgroup_size(KEYS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let span = span_of(group.y, group.z);
  if (!span.exists) { return; }
  let position = span.position;
  let place = head_group(group.x);
  let q0 = (span.token * (params.heads + 2u * params.kv_heads) + place.head) * DIM4;
  let table = span.row * params.max_blocks;

  for (var i = local; i < GROUP * DIM4; i += KEYS) {
    queries[i] = x[q0 + min(i / DIM4, place.heads - 1u) * DIM4 + i % DIM4];
    values[i] = vec4<f32>();
  }
  if (local < GROUP) {
    highest[local] = LOWEST;
    sums[local] = 0.0;
  }
  workgroupBarrier();

  let begin = max(span.index * params.chunks, span.first_key / KEYS);
  let stop = min((span.index + 1u) * params.chunks, position / KEYS + 1u);
  for (var chunk = begin; chunk < stop; chunk++) {
    let key = chunk * KEYS + local;
    let visible = key <= position && key >= span.first_key;
    // Scores: one key an invocation, all heads of the group.
    let block = block_tables[table + min(key, position) / BLOCK];
    let k0 = ((block * params.kv_heads + place.kv_head) * BLOCK + key % BLOCK) * DIM4;
    var low = vec4<f32>();
    var high = vec4<f32>();
    if (visible) {
      // Four loads before their products: they wait for memory together.
      var d = 0u;
      for (; d + 4u <= DIM4; d += 4u) {
        let ka = vec4<f32>(k_cache[k0 + d]);
        let kb = vec4<f32>(k_cache[k0 + d + 1u]);
        let kc = vec4<f32>(k_cache[k0 + d + 2u]);
        let kd = vec4<f32>(k_cache[k0 + d + 3u]);
        let sa = score(ka, d);
        let sb = score(kb, d + 1u);
        let sc = score(kc, d + 2u);
        let sd = score(kd, d + 3u);
        low = low + sa[0] + sb[0] + sc[0] + sd[0];
        high = high + sa[1] + sb[1] + sc[1] + sd[1];
      }
      for (; d < DIM4; d++) {
        let s = score(vec4<f32>(k_cache[k0 + d]), d);
        low += s[0];
        high += s[1];
      }
    }
    workgroupBarrier();
    put(0u, local, low.x, visible);
    if (GROUP > 1u) { put(1u, local, low.y, visible); }
    if (GROUP > 2u) { put(2u, local, low.z, visible); put(3u, local, low.w, visible); }
    if (GROUP > 4u) {
      put(4u, local, high.x, visible); put(5u, local, high.y, visible);
      put(6u, local, high.z, visible); put(7u, local, high.w, visible);
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
        let v0 = ((block_tables[table + start / BLOCK] * params.kv_heads + place.kv_head) * BLOCK) * DIM4 + d;
        let weights = g * KEYS + b * BLOCK;
        if (start + BLOCK > position + 1u) {
          for (var j = 0u; j < position + 1u - start; j++) {
            value += scores[weights + j] * vec4<f32>(v_cache[v0 + j * DIM4]);
          }
          break;
        }
        for (var j = 0u; j < BLOCK; j += 8u) {
          let at = v0 + j * DIM4;
          let va = vec4<f32>(v_cache[at]);
          let vb = vec4<f32>(v_cache[at + DIM4]);
          let vc = vec4<f32>(v_cache[at + 2u * DIM4]);
          let vd = vec4<f32>(v_cache[at + 3u * DIM4]);
          let ve = vec4<f32>(v_cache[at + 4u * DIM4]);
          let vf = vec4<f32>(v_cache[at + 5u * DIM4]);
          let vg = vec4<f32>(v_cache[at + 6u * DIM4]);
          let vh = vec4<f32>(v_cache[at + 7u * DIM4]);
          let w = weights + j;
          value = value + scores[w] * va + scores[w + 1u] * vb + scores[w + 2u] * vc + scores[w + 3u] * vd;
          value = value + scores[w + 4u] * ve + scores[w + 5u] * vf + scores[w + 6u] * vg + scores[w + 7u] * vh;
        }
      }
      values[i] = value;
    }
  }

  workgroupBarrier();
  for (var i = local; i < place.heads * DIM4; i += KEYS) {
    let g = i / DIM4;
    let d = i % DIM4;
    let row = span.token * params.heads + place.head + g;
    if (span.single) {
      y[row * DIM4 + d] = values[i] / sums[g];
    } else {
      let part = (row * params.spans + span.index) * (DIM4 + 1u);
      parts[part + 1u + d] = values[i];
      if (d == 0u) { parts[part] = vec4(highest[g], sums[g], 0.0, 0.0); }
    }
  }
}
