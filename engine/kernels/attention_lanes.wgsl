// attention.wgsl for a CPU, where a lane of a load costs as much as a load and passing a value to other
// lanes nearly nothing: a subgroup is a workgroup. For scores each lane has keys of its own, 4 of every 4 LANES,
// and a part of the queries that it hands round; for values it has 8 elements of some of the keys. A head
// must be 8 LANES wide at most.
struct Params {
  heads: u32, kv_heads: u32, dim4: u32, max_blocks: u32,
  chunks: u32, spans: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> block_tables: array<u32>;
@group(0) @binding(5) var<storage, read> k_cache: array<Eight>;
@group(0) @binding(6) var<storage, read> v_cache: array<Eight>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> parts: array<vec4<f32>>;

override GROUP: u32 = 8u;
override DIM4: u32 = 16u;
const KEYS = 64u;
const BLOCK = 16u;
const INACTIVE = 0xffffffffu;
const LOWEST = -1e30;

// A number of each head.
struct Heads { low: vec4<f32>, high: vec4<f32> }
// A vec4 of each head's query: of d = lane.
struct Queries {
  q0: vec4<f32>, q1: vec4<f32>, q2: vec4<f32>, q3: vec4<f32>,
  q4: vec4<f32>, q5: vec4<f32>, q6: vec4<f32>, q7: vec4<f32>,
}
struct Octet { low: vec4<f32>, high: vec4<f32> }
struct Values { v0: Octet, v1: Octet, v2: Octet, v3: Octet, v4: Octet, v5: Octet, v6: Octet, v7: Octet }

fn query(at: u32, g: u32, heads: u32) -> vec4<f32> { return x[at + min(g, heads - 1u) * DIM4]; }

fn plus_product(sum: f32, k: Octet, query: vec4<f32>, i: u32) -> f32 {
  return sum + dot(k.low, subgroupShuffle(query, 2u * i)) + dot(k.high, subgroupShuffle(query, 2u * i + 1u));
}

// Adds the products of 8 elements of a lane's key, the i-th of those that lanes have queries for.
fn plus_scores(sums: Heads, key: Eight, q: Queries, i: u32) -> Heads {
  var s = sums;
  let k = Octet(low_of(key), high_of(key));
  s.low.x = plus_product(s.low.x, k, q.q0, i);
  if (GROUP > 1u) { s.low.y = plus_product(s.low.y, k, q.q1, i); }
  if (GROUP > 2u) {
    s.low.z = plus_product(s.low.z, k, q.q2, i);
    s.low.w = plus_product(s.low.w, k, q.q3, i);
  }
  if (GROUP > 4u) {
    s.high.x = plus_product(s.high.x, k, q.q4, i);
    s.high.y = plus_product(s.high.y, k, q.q5, i);
    s.high.z = plus_product(s.high.z, k, q.q6, i);
    s.high.w = plus_product(s.high.w, k, q.q7, i);
  }
  return s;
}

fn seen(score: Heads, visible: bool) -> Heads {
  return Heads(
    select(vec4(LOWEST), score.low * params.scale, visible),
    select(vec4(LOWEST), score.high * params.scale, visible),
  );
}

fn highest_of(a: Heads, b: Heads) -> Heads { return Heads(max(a.low, b.low), max(a.high, b.high)); }

fn sum_of(a: Heads, b: Heads) -> Heads { return Heads(a.low + b.low, a.high + b.high); }

// The unused heads have no sums of their own.
fn exp_of(a: Heads, highest: Heads) -> Heads {
  var e = Heads(vec4<f32>(), vec4<f32>());
  if (GROUP == 1u) { e.low.x = exp(a.low.x - highest.low.x); }
  if (GROUP == 2u) { e.low = vec4(exp(a.low.xy - highest.low.xy), 0.0, 0.0); }
  if (GROUP > 2u) { e.low = exp(a.low - highest.low); }
  if (GROUP > 4u) { e.high = exp(a.high - highest.high); }
  return e;
}

fn highest_of_lanes(a: Heads) -> Heads {
  var h = Heads(vec4(LOWEST), vec4(LOWEST));
  h.low.x = subgroupMax(a.low.x);
  if (GROUP > 1u) { h.low.y = subgroupMax(a.low.y); }
  if (GROUP > 2u) { h.low.z = subgroupMax(a.low.z); h.low.w = subgroupMax(a.low.w); }
  if (GROUP > 4u) { h.high = subgroupMax(a.high); }
  return h;
}

fn sum_of_lanes(a: Heads) -> Heads {
  return Heads(sum4_lanes(a.low, 0u), select(vec4<f32>(), sum4_lanes(a.high, 0u), GROUP > 4u));
}

fn scaled(v: Octet, by: f32) -> Octet { return Octet(v.low * by, v.high * by); }

fn scaled_values(v: Values, by: Heads) -> Values {
  var s = v;
  s.v0 = scaled(v.v0, by.low.x);
  if (GROUP > 1u) { s.v1 = scaled(v.v1, by.low.y); }
  if (GROUP > 2u) { s.v2 = scaled(v.v2, by.low.z); s.v3 = scaled(v.v3, by.low.w); }
  if (GROUP > 4u) {
    s.v4 = scaled(v.v4, by.high.x); s.v5 = scaled(v.v5, by.high.y);
    s.v6 = scaled(v.v6, by.high.z); s.v7 = scaled(v.v7, by.high.w);
  }
  return s;
}

fn plus(v: Octet, value: Octet, weight: f32) -> Octet {
  return Octet(fma(value.low, vec4(weight), v.low), fma(value.high, vec4(weight), v.high));
}

// Adds the values of LANES keys, whose weights and places the lanes have.
fn plus_values(sums: Values, weights: Heads, at: u32, lane: u32) -> Values {
  let wide = DIM4 / 2u;
  var s = sums;
  for (var i = lane / wide; i < LANES; i += LANES / wide) {
    let row = v_cache[subgroupShuffle(at, i) + lane % wide];
    let value = Octet(low_of(row), high_of(row));
    s.v0 = plus(s.v0, value, subgroupShuffle(weights.low.x, i));
    if (GROUP > 1u) { s.v1 = plus(s.v1, value, subgroupShuffle(weights.low.y, i)); }
    if (GROUP > 2u) {
      s.v2 = plus(s.v2, value, subgroupShuffle(weights.low.z, i));
      s.v3 = plus(s.v3, value, subgroupShuffle(weights.low.w, i));
    }
    if (GROUP > 4u) {
      s.v4 = plus(s.v4, value, subgroupShuffle(weights.high.x, i));
      s.v5 = plus(s.v5, value, subgroupShuffle(weights.high.y, i));
      s.v6 = plus(s.v6, value, subgroupShuffle(weights.high.z, i));
      s.v7 = plus(s.v7, value, subgroupShuffle(weights.high.w, i));
    }
  }
  return s;
}

// Over the lanes that have the same elements.
fn whole(part: Octet, lane: u32) -> Octet {
  var v = part;
  for (var step = DIM4 / 2u; step < LANES; step *= 2u) {
    let other = lane ^ step;
    v = Octet(v.low + subgroupShuffle(v.low, other), v.high + subgroupShuffle(v.high, other));
  }
  return v;
}

struct Place { token: u32, head: u32, heads: u32, span: u32, single: bool }
fn put(place: Place, g: u32, part: Octet, highest: f32, sum: f32, lane: u32) {
  let v = whole(part, lane);
  let d = 2u * lane;
  if (g >= place.heads || d >= DIM4) { return; }
  let row = place.token * params.heads + place.head + g;
  if (place.single) {
    y[row * DIM4 + d] = v.low / sum;
    y[row * DIM4 + d + 1u] = v.high / sum;
  } else {
    let at = (row * params.spans + place.span) * (DIM4 + 1u);
    parts[at + 1u + d] = v.low;
    parts[at + 2u + d] = v.high;
    if (lane == 0u) { parts[at] = vec4(highest, sum, 0.0, 0.0); }
  }
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let token = group.y;
  let span = group.z;
  let row = rows[token];
  if (row == INACTIVE) { return; }
  let position = positions[token];
  let end = position / KEYS + 1u;
  if (span * params.chunks >= end) { return; }
  let first_key = select(0u, position + 1u - params.window, params.window > 0u && position >= params.window);

  let per_kv = params.heads / params.kv_heads;
  let groups = (per_kv + GROUP - 1u) / GROUP;
  let kv_head = group.x / groups;
  let head = kv_head * per_kv + (group.x % groups) * GROUP;
  let heads = min(GROUP, (kv_head + 1u) * per_kv - head);
  let q0 = token * (params.heads + 2u * params.kv_heads) * DIM4 + head * DIM4;
  let table = row * params.max_blocks;

  var highest = Heads(vec4(LOWEST), vec4(LOWEST));
  var sums = Heads(vec4<f32>(), vec4<f32>());
  var values = Values();
  let from_key = max(span * params.chunks * KEYS, first_key);
  let to_key = min((span + 1u) * params.chunks * KEYS, position + 1u);
  for (var first = from_key / (4u * LANES) * 4u * LANES; first < to_key; first += 4u * LANES) {
    let keys = first + lane + vec4(0u, LANES, 2u * LANES, 3u * LANES);
    let visible = (keys <= vec4(position)) & (keys >= vec4(first_key));
    let at = min(keys, vec4(position));
    let tables = table + at / BLOCK;
    let blocks = vec4(block_tables[tables.x], block_tables[tables.y], block_tables[tables.z], block_tables[tables.w]);
    let places = ((blocks * params.kv_heads + kv_head) * BLOCK + at % BLOCK) * (DIM4 / 2u);
    var a = Heads(); var b = Heads(); var c = Heads(); var d = Heads();
    for (var d4 = 0u; d4 < DIM4; d4 += LANES) {
      let mine = q0 + min(d4 + lane, DIM4 - 1u);
      var q = Queries();
      q.q0 = query(mine, 0u, heads);
      if (GROUP > 1u) { q.q1 = query(mine, 1u, heads); }
      if (GROUP > 2u) { q.q2 = query(mine, 2u, heads); q.q3 = query(mine, 3u, heads); }
      if (GROUP > 4u) {
        q.q4 = query(mine, 4u, heads); q.q5 = query(mine, 5u, heads);
        q.q6 = query(mine, 6u, heads); q.q7 = query(mine, 7u, heads);
      }
      let begin = places + d4 / 2u;
      for (var i = 0u; i < min(LANES, DIM4 - d4) / 2u; i++) {
        a = plus_scores(a, k_cache[begin.x + i], q, i);
        b = plus_scores(b, k_cache[begin.y + i], q, i);
        c = plus_scores(c, k_cache[begin.z + i], q, i);
        d = plus_scores(d, k_cache[begin.w + i], q, i);
      }
    }
    a = seen(a, visible.x);
    b = seen(b, visible.y);
    c = seen(c, visible.z);
    d = seen(d, visible.w);
    let old = highest;
    highest = highest_of(old, highest_of_lanes(highest_of(highest_of(a, b), highest_of(c, d))));
    a = exp_of(a, highest);
    b = exp_of(b, highest);
    c = exp_of(c, highest);
    d = exp_of(d, highest);
    let shrink = exp_of(old, highest);
    sums = sum_of(Heads(sums.low * shrink.low, sums.high * shrink.high), sum_of(sum_of(a, b), sum_of(c, d)));
    values = scaled_values(values, shrink);
    values = plus_values(values, a, places.x, lane);
    values = plus_values(values, b, places.y, lane);
    values = plus_values(values, c, places.z, lane);
    values = plus_values(values, d, places.w, lane);
  }

  let total = sum_of_lanes(sums);
  let place = Place(token, head, heads, span, end <= params.chunks);
  put(place, 0u, values.v0, highest.low.x, total.low.x, lane);
  if (GROUP > 1u) { put(place, 1u, values.v1, highest.low.y, total.low.y, lane); }
  if (GROUP > 2u) {
    put(place, 2u, values.v2, highest.low.z, total.low.z, lane);
    put(place, 3u, values.v3, highest.low.w, total.low.w, lane);
  }
  if (GROUP > 4u) {
    put(place, 4u, values.v4, highest.high.x, total.high.x, lane);
    put(place, 5u, values.v5, highest.high.y, total.high.y, lane);
    put(place, 6u, values.v6, highest.high.z, total.high.z, lane);
    put(place, 7u, values.v7, highest.high.w, total.high.w, lane);
  }
}
