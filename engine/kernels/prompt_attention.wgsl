// Paged attention of prompts: a workgroup takes TILE tokens that follow each other by GROUP query heads
// that share a key-value head, and reads each key and value once for all of them. Walks the context in
// chunks of 64 keys with a running softmax; chunks start at multiples of 64, and what a token may not
// see weighs nothing, so that its result doesn't depend on what else is in its tile.
@group(0) @binding(5) var<storage, read> k_cache: array<W4>;
@group(0) @binding(6) var<storage, read> v_cache: array<W4>;

// GROUP · TILE, a multiple of 4.
override QUERIES: u32 = 16u;
const KEYS = 64u;

var<workgroup> queries: array<vec4<f32>, QUERIES * DIM4>;
// [query][key / 4]
var<workgroup> scores: array<vec4<f32>, QUERIES * 16u>;
var<workgroup> values: array<vec4<f32>, QUERIES * DIM4>;
var<workgroup> highest: array<f32, QUERIES>;
var<workgroup> sums: array<f32, QUERIES>;
var<workgroup> shrink: array<f32, QUERIES>;

// The first quarter-vector of what the cache has of a key, or of its value.
fn place_of(table: u32, kv_head: u32, key: u32) -> u32 {
  return ((block_tables[table + key / BLOCK] * params.kv_heads + kv_head) * BLOCK + key % BLOCK) * DIM4;
}

struct Keys { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32> }

fn dots(query: u32, d: u32, k: Keys) -> vec4<f32> {
  let q = queries[query * DIM4 + d];
  return vec4(dot(q, k.k0), dot(q, k.k1), dot(q, k.k2), dot(q, k.k3));
}

fn put(run: Run, query: u32, chunk: u32, key4: u32, score: vec4<f32>) {
  let position = positions[token_of(run, query)];
  let keys = chunk * KEYS + 4u * key4 + vec4(0u, 1u, 2u, 3u);
  let visible = (keys <= vec4(position)) & (keys >= vec4(first_key_of(position)));
  scores[query * 16u + key4] = select(vec4(LOWEST), score * params.scale, visible);
}

// Scores of a chunk: 4 keys by 4 queries an invocation.
fn score(run: Run, kv_head: u32, chunk: u32, last: u32, local: u32) {
  for (var i = local; i < QUERIES / 4u * 16u; i += KEYS) {
    let key4 = i % 16u;
    let query = i / 16u * 4u;
    let key = chunk * KEYS + 4u * key4;
    var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
    if (key <= last) {
      // Of these four, what lies beyond the last key is of the same block, and never seen.
      let at = place_of(run.row * params.max_blocks, kv_head, key);
      for (var d = 0u; d < DIM4; d++) {
        let k = Keys(
          vec4<f32>(k_cache[at + d]),
          vec4<f32>(k_cache[at + DIM4 + d]),
          vec4<f32>(k_cache[at + 2u * DIM4 + d]),
          vec4<f32>(k_cache[at + 3u * DIM4 + d]),
        );
        s0 += dots(query, d, k);
        s1 += dots(query + 1u, d, k);
        s2 += dots(query + 2u, d, k);
        s3 += dots(query + 3u, d, k);
      }
    }
    put(run, query, chunk, key4, s0);
    put(run, query + 1u, chunk, key4, s1);
    put(run, query + 2u, chunk, key4, s2);
    put(run, query + 3u, chunk, key4, s3);
  }
}

// Softmax of a chunk: LANES invocations a query.
fn soften(local: u32) {
  let lane = local % LANES;
  for (var q0 = 0u; q0 < QUERIES; q0 += KEYS / LANES) {
    let q = q0 + local / LANES;
    let mine = q < QUERIES;
    let at = min(q, QUERIES - 1u);
    var tops = vec4(LOWEST);
    for (var i = lane; i < 16u; i += LANES) { tops = max(tops, scores[at * 16u + i]); }
    let old = highest[at];
    let high = max(old, max_lanes(max(max(tops.x, tops.y), max(tops.z, tops.w)), local));
    var sum = vec4<f32>();
    for (var i = lane; i < 16u; i += LANES) {
      let score = scores[at * 16u + i];
      let weight = select(exp(score - high), vec4(0.0), score == vec4(LOWEST));
      if (mine) { scores[at * 16u + i] = weight; }
      sum += weight;
    }
    let total = sum_lanes(sum.x + sum.y + sum.z + sum.w, local);
    if (mine && lane == 0u) {
      let factor = exp(old - high);
      shrink[q] = factor;
      sums[q] = sums[q] * factor + total;
      highest[q] = high;
    }
  }
}

fn add_four(sum: vec4<f32>, query: u32, key4: u32, v: Keys) -> vec4<f32> {
  let w = scores[query * 16u + key4];
  return sum + w.x * v.k0 + w.y * v.k1 + w.z * v.k2 + w.w * v.k3;
}

fn add_one(sum: vec4<f32>, query: u32, key: u32, v: vec4<f32>) -> vec4<f32> {
  return sum + scores[query * 16u + key / 4u][key % 4u] * v;
}

// Values of a chunk's `count` keys: a quarter-vector of 4 queries an invocation.
fn gather(table: u32, kv_head: u32, chunk: u32, count: u32, local: u32) {
  for (var i = local; i < QUERIES / 4u * DIM4; i += KEYS) {
    let d = i % DIM4;
    let query = i / DIM4 * 4u;
    let to = query * DIM4 + d;
    var s0 = values[to] * shrink[query];
    var s1 = values[to + DIM4] * shrink[query + 1u];
    var s2 = values[to + 2u * DIM4] * shrink[query + 2u];
    var s3 = values[to + 3u * DIM4] * shrink[query + 3u];
    for (var key4 = 0u; key4 < count / 4u; key4++) {
      let at = place_of(table, kv_head, chunk * KEYS + 4u * key4) + d;
      let v = Keys(
        vec4<f32>(v_cache[at]),
        vec4<f32>(v_cache[at + DIM4]),
        vec4<f32>(v_cache[at + 2u * DIM4]),
        vec4<f32>(v_cache[at + 3u * DIM4]),
      );
      s0 = add_four(s0, query, key4, v);
      s1 = add_four(s1, query + 1u, key4, v);
      s2 = add_four(s2, query + 2u, key4, v);
      s3 = add_four(s3, query + 3u, key4, v);
    }
    // What the cache holds beyond the last key may be anything, even times a weight of 0.
    for (var key = count / 4u * 4u; key < count; key++) {
      let v = vec4<f32>(v_cache[place_of(table, kv_head, chunk * KEYS + key) + d]);
      s0 = add_one(s0, query, key, v);
      s1 = add_one(s1, query + 1u, key, v);
      s2 = add_one(s2, query + 2u, key, v);
      s3 = add_one(s3, query + 3u, key, v);
    }
    values[to] = s0;
    values[to + DIM4] = s1;
    values[to + 2u * DIM4] = s2;
    values[to + 3u * DIM4] = s3;
  }
}

fn attend_run(run: Run, group: HeadGroup, local: u32) {
  let stride = (params.heads + 2u * params.kv_heads) * DIM4;
  for (var i = local; i < QUERIES * DIM4; i += KEYS) {
    let query = i / DIM4;
    let head = group.head + min(query % GROUP, group.heads - 1u);
    queries[i] = x[token_of(run, query) * stride + head * DIM4 + i % DIM4];
    values[i] = vec4<f32>();
  }
  if (local < QUERIES) {
    highest[local] = LOWEST;
    sums[local] = 0.0;
  }
  workgroupBarrier();

  let table = run.row * params.max_blocks;
  let last = positions[run.first + run.count - 1u];
  for (var chunk = first_key_of(positions[run.first]) / KEYS; chunk <= last / KEYS; chunk++) {
    score(run, group.kv_head, chunk, last, local);
    workgroupBarrier();
    soften(local);
    workgroupBarrier();
    gather(table, group.kv_head, chunk, min(KEYS, last + 1u - chunk * KEYS), local);
    workgroupBarrier();
  }

  for (var i = local; i < run.count * GROUP * DIM4; i += KEYS) {
    let query = i / DIM4;
    let head = query % GROUP;
    if (head < group.heads) {
      let at = (token_of(run, query) * params.heads + group.head + head) * DIM4;
      y[at + i % DIM4] = values[i] / sums[query];
    }
  }
  workgroupBarrier();
}

@compute @workgroup_size(KEYS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  attend_tile(group.y, head_group(group.x), local);
}
