// Paged attention of prompts: a workgroup takes TILE tokens that follow each other by GROUP query heads
// that share a key-value head, and reads each key and value once for all of them. Walks the context in
// chunks of 64 keys with a running softmax; chunks start at multiples of 64, and what a token may not
// see weighs nothing, so that its result doesn't depend on what else is in its tile.
struct Params {
  heads: u32, kv_heads: u32, max_blocks: u32,
  // The sliding window; 0: none.
  tokens: u32, window: u32, scale: f32,
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

override GROUP: u32 = 8u;
override TILE: u32 = 2u;
// GROUP · TILE, a multiple of 8: query q is head q % GROUP of the tile's token q / GROUP.
override QUERIES: u32 = 16u;
override DIM4: u32 = 32u;
const KEYS = 64u;
const BLOCK = 16u;
const INACTIVE = 0xffffffffu;
const LOWEST = -1e30;

var<workgroup> queries: array<vec4<f32>, QUERIES * DIM4>;
var<workgroup> scores: array<f32, QUERIES * 64u>;
var<workgroup> values: array<vec4<f32>, QUERIES * DIM4>;
var<workgroup> highest: array<f32, QUERIES>;
var<workgroup> sums: array<f32, QUERIES>;
var<workgroup> shrink: array<f32, QUERIES>;

// Tokens of one row, at most TILE, and the heads of one key-value head.
struct Place { first: u32, count: u32, head: u32, heads: u32, kv_head: u32 }

fn token_of(place: Place, query: u32) -> u32 {
  return place.first + min(query / GROUP, place.count - 1u);
}

fn first_key_of(position: u32) -> u32 {
  return select(0u, position + 1u - params.window, params.window > 0u && position >= params.window);
}

fn dots(k: vec4<f32>, query: u32, d: u32) -> vec4<f32> {
  let at = query * DIM4 + d;
  return vec4(
    dot(queries[at], k),
    dot(queries[at + DIM4], k),
    dot(queries[at + 2u * DIM4], k),
    dot(queries[at + 3u * DIM4], k),
  );
}

fn put(place: Place, query: u32, key: u32, score: f32, chunk: u32) {
  let position = positions[token_of(place, query)];
  let at = chunk * KEYS + key;
  let visible = at <= position && at >= first_key_of(position);
  scores[query * KEYS + key] = select(LOWEST, score * params.scale, visible);
}

// Scores of a chunk: one key an invocation.
fn score(place: Place, chunk: u32, k0: u32, key: u32) {
  for (var query = 0u; query < QUERIES; query += 8u) {
    var low = vec4<f32>();
    var high = vec4<f32>();
    for (var d = 0u; d < DIM4; d++) {
      let k = vec4<f32>(k_cache[k0 + d]);
      low += dots(k, query, d);
      high += dots(k, query + 4u, d);
    }
    put(place, query, key, low.x, chunk);
    put(place, query + 1u, key, low.y, chunk);
    put(place, query + 2u, key, low.z, chunk);
    put(place, query + 3u, key, low.w, chunk);
    put(place, query + 4u, key, high.x, chunk);
    put(place, query + 5u, key, high.y, chunk);
    put(place, query + 6u, key, high.z, chunk);
    put(place, query + 7u, key, high.w, chunk);
  }
}

// Softmax of a chunk: LANES invocations a query.
fn soften(local: u32) {
  let lane = local % LANES;
  for (var q0 = 0u; q0 < QUERIES; q0 += KEYS / LANES) {
    let q = q0 + local / LANES;
    let mine = q < QUERIES;
    let at = min(q, QUERIES - 1u) * KEYS;
    var top = LOWEST;
    for (var i = lane; i < KEYS; i += LANES) { top = max(top, scores[at + i]); }
    let old = highest[at / KEYS];
    let high = max(old, max_lanes(top, local));
    var sum = 0.0;
    for (var i = lane; i < KEYS; i += LANES) {
      let score = scores[at + i];
      let weight = select(exp(score - high), 0.0, score == LOWEST);
      if (mine) { scores[at + i] = weight; }
      sum += weight;
    }
    let total = sum_lanes(sum, local);
    if (mine && lane == 0u) {
      let factor = exp(old - high);
      shrink[q] = factor;
      sums[q] = sums[q] * factor + total;
      highest[q] = high;
    }
  }
}

// Values of a chunk's `count` keys: a quarter-vector of 4 queries an invocation.
fn gather(table: u32, kv_head: u32, chunk: u32, count: u32, local: u32) {
  for (var i = local; i < QUERIES / 4u * DIM4; i += KEYS) {
    let d = i % DIM4;
    let query = i / DIM4 * 4u;
    let at = query * DIM4 + d;
    var a = values[at] * shrink[query];
    var b = values[at + DIM4] * shrink[query + 1u];
    var c = values[at + 2u * DIM4] * shrink[query + 2u];
    var e = values[at + 3u * DIM4] * shrink[query + 3u];
    for (var block = 0u; block * BLOCK < count; block++) {
      let start = chunk * KEYS + block * BLOCK;
      let v0 = (block_tables[table + start / BLOCK] * params.kv_heads + kv_head) * BLOCK * DIM4 + d;
      let weights = query * KEYS + block * BLOCK;
      for (var j = 0u; j < min(BLOCK, count - block * BLOCK); j++) {
        let v = vec4<f32>(v_cache[v0 + j * DIM4]);
        a += scores[weights + j] * v;
        b += scores[weights + KEYS + j] * v;
        c += scores[weights + 2u * KEYS + j] * v;
        e += scores[weights + 3u * KEYS + j] * v;
      }
    }
    values[at] = a;
    values[at + DIM4] = b;
    values[at + 2u * DIM4] = c;
    values[at + 3u * DIM4] = e;
  }
}

fn attend(place: Place, row: u32, local: u32) {
  let stride = (params.heads + 2u * params.kv_heads) * DIM4;
  for (var i = local; i < QUERIES * DIM4; i += KEYS) {
    let query = i / DIM4;
    let head = place.head + min(query % GROUP, place.heads - 1u);
    queries[i] = x[token_of(place, query) * stride + head * DIM4 + i % DIM4];
    values[i] = vec4<f32>();
  }
  if (local < QUERIES) {
    highest[local] = LOWEST;
    sums[local] = 0.0;
  }
  workgroupBarrier();

  let table = row * params.max_blocks;
  let last = positions[place.first + place.count - 1u];
  for (var chunk = first_key_of(positions[place.first]) / KEYS; chunk <= last / KEYS; chunk++) {
    let key = min(chunk * KEYS + local, last);
    let block = block_tables[table + key / BLOCK];
    let k0 = ((block * params.kv_heads + place.kv_head) * BLOCK + key % BLOCK) * DIM4;
    score(place, chunk, k0, local);
    workgroupBarrier();
    soften(local);
    workgroupBarrier();
    gather(table, place.kv_head, chunk, min(KEYS, last + 1u - chunk * KEYS), local);
    workgroupBarrier();
  }

  for (var i = local; i < place.count * GROUP * DIM4; i += KEYS) {
    let query = i / DIM4;
    let head = query % GROUP;
    if (head < place.heads) {
      let at = (token_of(place, query) * params.heads + place.head + head) * DIM4;
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
  // GROUP query heads of one key-value head; several such groups where it serves more.
  let per_kv = params.heads / params.kv_heads;
  let groups = (per_kv + GROUP - 1u) / GROUP;
  let kv_head = group.x / groups;
  let head = kv_head * per_kv + (group.x % groups) * GROUP;
  let heads = min(GROUP, (kv_head + 1u) * per_kv - head);

  // A tile may hold the end of one prompt and the beginning of another.
  let end = min((group.y + 1u) * TILE, params.tokens);
  var first = group.y * TILE;
  while (first < end) {
    let row = rows[first];
    var count = 1u;
    while (first + count < end && rows[min(first + count, end - 1u)] == row) { count++; }
    if (row != INACTIVE) { attend(Place(first, count, head, heads, kv_head), row, local); }
    first += count;
  }
}
