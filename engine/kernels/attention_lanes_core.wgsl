// Attention on a CPU (attention_lanes.wgsl, prompt_attention_lanes.wgsl): up to 8 queries that share a key-value
// head meet its keys and values. A lane of a load costs as much as a load there and passing a value to other
// lanes nearly nothing, so a subgroup is a workgroup: for scores each lane has keys of its own, 4 of every
// 4 LANES, and a part of the queries, which it hands round; for values it has 8 elements of some of the keys. A
// head must be 8 LANES wide at most. Whoever uses this says what its Place is, and what these are:
//   query(place, i, d)            the d-th vec4 of the i-th query
//   seen(place, scores, key)      scores of a key, LOWEST where a query may not see it
//   put(place, i, v, highest, sum, lane)   takes a lane's part of a query's values
@group(0) @binding(5) var<storage, read> k_cache: array<Eight>;
@group(0) @binding(6) var<storage, read> v_cache: array<Eight>;

override QUERIES: u32 = 8u;

// A number of each query.
struct Each { low: vec4<f32>, high: vec4<f32> }
// A vec4 of each query: of d = lane.
struct Queries {
  q0: vec4<f32>, q1: vec4<f32>, q2: vec4<f32>, q3: vec4<f32>,
  q4: vec4<f32>, q5: vec4<f32>, q6: vec4<f32>, q7: vec4<f32>,
}
struct Octet { low: vec4<f32>, high: vec4<f32> }
struct Values { v0: Octet, v1: Octet, v2: Octet, v3: Octet, v4: Octet, v5: Octet, v6: Octet, v7: Octet }

fn plus_product(sum: f32, k: Octet, query: vec4<f32>, i: u32) -> f32 {
  return sum + dot(k.low, subgroupShuffle(query, 2u * i)) + dot(k.high, subgroupShuffle(query, 2u * i + 1u));
}

// Adds the products of 8 elements of a lane's key, the i-th of those that lanes have queries for.
fn plus_scores(sums: Each, key: Eight, q: Queries, i: u32) -> Each {
  var s = sums;
  let k = Octet(low_of(key), high_of(key));
  s.low.x = plus_product(s.low.x, k, q.q0, i);
  if (QUERIES > 1u) { s.low.y = plus_product(s.low.y, k, q.q1, i); }
  if (QUERIES > 2u) {
    s.low.z = plus_product(s.low.z, k, q.q2, i);
    s.low.w = plus_product(s.low.w, k, q.q3, i);
  }
  if (QUERIES > 4u) {
    s.high.x = plus_product(s.high.x, k, q.q4, i);
    s.high.y = plus_product(s.high.y, k, q.q5, i);
    s.high.z = plus_product(s.high.z, k, q.q6, i);
    s.high.w = plus_product(s.high.w, k, q.q7, i);
  }
  return s;
}

fn highest_of(a: Each, b: Each) -> Each { return Each(max(a.low, b.low), max(a.high, b.high)); }

fn sum_of(a: Each, b: Each) -> Each { return Each(a.low + b.low, a.high + b.high); }

// The unused ones have no sums of their own.
fn exp_of(a: Each, highest: Each) -> Each {
  var e = Each(vec4<f32>(), vec4<f32>());
  if (QUERIES == 1u) { e.low.x = exp(a.low.x - highest.low.x); }
  if (QUERIES == 2u) { e.low = vec4(exp(a.low.xy - highest.low.xy), 0.0, 0.0); }
  if (QUERIES > 2u) { e.low = exp(a.low - highest.low); }
  if (QUERIES > 4u) { e.high = exp(a.high - highest.high); }
  return e;
}

fn highest_of_lanes(a: Each) -> Each {
  var h = Each(vec4(LOWEST), vec4(LOWEST));
  h.low.x = subgroupMax(a.low.x);
  if (QUERIES > 1u) { h.low.y = subgroupMax(a.low.y); }
  if (QUERIES > 2u) { h.low.z = subgroupMax(a.low.z); h.low.w = subgroupMax(a.low.w); }
  if (QUERIES > 4u) { h.high = subgroupMax(a.high); }
  return h;
}

fn sum_of_lanes(a: Each) -> Each {
  return Each(sum4_lanes(a.low, 0u), select(vec4<f32>(), sum4_lanes(a.high, 0u), QUERIES > 4u));
}

fn scaled(v: Octet, by: f32) -> Octet { return Octet(v.low * by, v.high * by); }

fn scaled_values(v: Values, by: Each) -> Values {
  var s = v;
  s.v0 = scaled(v.v0, by.low.x);
  if (QUERIES > 1u) { s.v1 = scaled(v.v1, by.low.y); }
  if (QUERIES > 2u) { s.v2 = scaled(v.v2, by.low.z); s.v3 = scaled(v.v3, by.low.w); }
  if (QUERIES > 4u) {
    s.v4 = scaled(v.v4, by.high.x); s.v5 = scaled(v.v5, by.high.y);
    s.v6 = scaled(v.v6, by.high.z); s.v7 = scaled(v.v7, by.high.w);
  }
  return s;
}

fn plus(v: Octet, value: Octet, weight: f32) -> Octet {
  return Octet(fma(value.low, vec4(weight), v.low), fma(value.high, vec4(weight), v.high));
}

// Adds the values of LANES keys, whose weights and places the lanes have.
fn plus_values(sums: Values, weights: Each, at: u32, lane: u32) -> Values {
  let wide = DIM4 / 2u;
  var s = sums;
  for (var i = lane / wide; i < LANES; i += LANES / wide) {
    let row = v_cache[subgroupShuffle(at, i) + lane % wide];
    let value = Octet(low_of(row), high_of(row));
    s.v0 = plus(s.v0, value, subgroupShuffle(weights.low.x, i));
    if (QUERIES > 1u) { s.v1 = plus(s.v1, value, subgroupShuffle(weights.low.y, i)); }
    if (QUERIES > 2u) {
      s.v2 = plus(s.v2, value, subgroupShuffle(weights.low.z, i));
      s.v3 = plus(s.v3, value, subgroupShuffle(weights.low.w, i));
    }
    if (QUERIES > 4u) {
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

// The weights of a key that is seen; nothing else weighs anything, not even where nothing is seen yet.
fn weights_of(score: Each, highest: Each) -> Each {
  let e = exp_of(score, highest);
  return Each(
    select(e.low, vec4<f32>(), score.low == vec4(LOWEST)),
    select(e.high, vec4<f32>(), score.high == vec4(LOWEST)),
  );
}

fn queries_at(place: Place, d: u32) -> Queries {
  var q = Queries();
  q.q0 = query(place, 0u, d);
  if (QUERIES > 1u) { q.q1 = query(place, 1u, d); }
  if (QUERIES > 2u) { q.q2 = query(place, 2u, d); q.q3 = query(place, 3u, d); }
  if (QUERIES > 4u) {
    q.q4 = query(place, 4u, d); q.q5 = query(place, 5u, d);
    q.q6 = query(place, 6u, d); q.q7 = query(place, 7u, d);
  }
  return q;
}

// Walks the keys between `begin` and `end`, in chunks that start at multiples of 4 LANES.
fn attend(place: Place, table: u32, kv_head: u32, begin: u32, end: u32, lane: u32) {
  var highest = Each(vec4(LOWEST), vec4(LOWEST));
  var sums = Each();
  var values = Values();
  for (var first = begin / (4u * LANES) * 4u * LANES; first < end; first += 4u * LANES) {
    let keys = first + lane + vec4(0u, LANES, 2u * LANES, 3u * LANES);
    let at = min(keys, vec4(end - 1u));
    let tables = table + at / BLOCK;
    let blocks = vec4(block_tables[tables.x], block_tables[tables.y], block_tables[tables.z], block_tables[tables.w]);
    let places = ((blocks * params.kv_heads + kv_head) * BLOCK + at % BLOCK) * (DIM4 / 2u);
    var a = Each(); var b = Each(); var c = Each(); var d = Each();
    for (var d4 = 0u; d4 < DIM4; d4 += LANES) {
      let q = queries_at(place, min(d4 + lane, DIM4 - 1u));
      let from_d = places + d4 / 2u;
      for (var i = 0u; i < min(LANES, DIM4 - d4) / 2u; i++) {
        a = plus_scores(a, k_cache[from_d.x + i], q, i);
        b = plus_scores(b, k_cache[from_d.y + i], q, i);
        c = plus_scores(c, k_cache[from_d.z + i], q, i);
        d = plus_scores(d, k_cache[from_d.w + i], q, i);
      }
    }
    a = seen(place, a, keys.x);
    b = seen(place, b, keys.y);
    c = seen(place, c, keys.z);
    d = seen(place, d, keys.w);
    let old = highest;
    highest = highest_of(old, highest_of_lanes(highest_of(highest_of(a, b), highest_of(c, d))));
    a = weights_of(a, highest);
    b = weights_of(b, highest);
    c = weights_of(c, highest);
    d = weights_of(d, highest);
    let shrink = exp_of(old, highest);
    sums = sum_of(Each(sums.low * shrink.low, sums.high * shrink.high), sum_of(sum_of(a, b), sum_of(c, d)));
    values = scaled_values(values, shrink);
    values = plus_values(values, a, places.x, lane);
    values = plus_values(values, b, places.y, lane);
    values = plus_values(values, c, places.z, lane);
    values = plus_values(values, d, places.w, lane);
  }

  let total = sum_of_lanes(sums);
  put(place, 0u, whole(values.v0, lane), highest.low.x, total.low.x, lane);
  if (QUERIES > 1u) { put(place, 1u, whole(values.v1, lane), highest.low.y, total.low.y, lane); }
  if (QUERIES > 2u) {
    put(place, 2u, whole(values.v2, lane), highest.low.z, total.low.z, lane);
    put(place, 3u, whole(values.v3, lane), highest.low.w, total.low.w, lane);
  }
  if (QUERIES > 4u) {
    put(place, 4u, whole(values.v4, lane), highest.high.x, total.high.x, lane);
    put(place, 5u, whole(values.v5, lane), highest.high.y, total.high.y, lane);
    put(place, 6u, whole(values.v6, lane), highest.high.z, total.high.z, lane);
    put(place, 7u, whole(values.v7, lane), highest.high.w, total.high.w, lane);
  }
}
