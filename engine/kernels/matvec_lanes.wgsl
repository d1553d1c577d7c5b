// matvec.wgsl for a CPU, where a lane of a load costs as much as a load and passing a value to other lanes
// nearly nothing: each lane has 4 rows of W to itself, and of x it loads its part for all lanes. Nothing is
// added up over lanes, so a sum goes through its columns and then its ranks, for any COLUMNS.
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(7) var<storage, read> b: array<Pair>;

fn x_of(mine: vec4<f32>, i: u32) -> Columns {
  return columns_of(subgroupShuffle(mine, i * TILE4), subgroupShuffle(mine, i * TILE4 + TILE4 - 1u));
}

// Rows of B may belong to several projections of the group within a subgroup.
override STRADDLES: bool = false;

struct Sums {
  a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>,
  a4: vec4<f32>, a5: vec4<f32>, a6: vec4<f32>, a7: vec4<f32>,
}

// h of rank j of a token's adapters (0 beyond the last) and where its row of B starts; with gates, the ups'
// in z and w.
fn rank_of(at_token: u32, member: u32, j: u32) -> vec4<u32> {
  let token = min(at_token, params.tokens - 1u);
  let rank = rank_list[list_of(token, member) + 4u + j];
  if (GATED) { return vec4(rank, rank_list[list_of(token, 1u) + 4u + j]); }
  return vec4(rank, 0u, 0u);
}

fn rank_count(at_token: u32, member: u32) -> u32 {
  let token = min(at_token, params.tokens - 1u);
  let count = rank_list[list_of(token, member)].x;
  if (GATED) { return max(count, rank_list[list_of(token, 1u)].x); }
  return count;
}

// A lane's 4 elements of the rows of B that start at `at`.
fn b_at(at: vec2<u32>, place: Place) -> vec4<f32> {
  let first = at.x + place.pair;
  if (GATED) { return vec4(pair_of(b[first]), pair_of(b[at.y + place.pair])); }
  return vec4(pair_of(b[first]), pair_of(b[first + 1u]));
}

// Adds h times those, h being that of lane i.
fn plus_rank(a: vec4<f32>, h: vec2<f32>, i: u32, mine: bool, values: vec4<f32>) -> vec4<f32> {
  let its = select(vec2<f32>(), subgroupShuffle(h, i), mine);
  if (GATED) { return fma(its.xxyy, values, a); }
  return fma(its.xxxx, values, a);
}

fn h_of(at_token: u32, member: u32, j: u32) -> vec2<f32> {
  return bitcast<vec2<f32>>(rank_of(at_token, member, j).xz);
}

// Whether the tokens have the same adapters: lanes look at one each.
fn have_same_adapters(token: u32, member: u32, lane: u32) -> bool {
  if (COLUMNS == 1u) { return true; }
  let at = list_of(min(token + lane % COLUMNS, params.tokens - 1u), member) + 2u;
  let adapters = vec4(rank_list[at], rank_list[at + 1u]);
  return subgroupAll(all(adapters == subgroupShuffle(adapters, 0u)));
}

// Adds the adapters' share of one projection, or of both with gates. Lanes take a rank each and hand it
// round; where all tokens have the same adapters, a row of B is read once for all of them.
fn with_adapters(sums: Sums, token: u32, member: u32, place: Place, lane: u32) -> Sums {
  var s = sums;
  let mine = GATED || place.member == member;
  let same = have_same_adapters(token, member, lane);
  // Loops rather than branches: a CPU's lanes go through both sides of a branch.
  let count = select(0u, rank_count(token, member), same);
  for (var first = 0u; first < count; first += LANES) {
    let j = min(first + lane, params.ranks - 1u);
    let at = rank_of(token, member, j).yw;
    let h0 = h_of(token, member, j);
    let h1 = h_of(token + 1u, member, j);
    let h2 = h_of(token + 2u, member, j);
    let h3 = h_of(token + 3u, member, j);
    let h4 = h_of(token + 4u, member, j);
    let h5 = h_of(token + 5u, member, j);
    let h6 = h_of(token + 6u, member, j);
    let h7 = h_of(token + 7u, member, j);
    for (var i = 0u; i < min(LANES, count - first); i++) {
      let values = b_at(subgroupShuffle(at, i), place);
      s.a0 = plus_rank(s.a0, h0, i, mine, values);
      if (COLUMNS > 1u) { s.a1 = plus_rank(s.a1, h1, i, mine, values); }
      if (COLUMNS > 2u) {
        s.a2 = plus_rank(s.a2, h2, i, mine, values);
        s.a3 = plus_rank(s.a3, h3, i, mine, values);
      }
      if (COLUMNS > 4u) {
        s.a4 = plus_rank(s.a4, h4, i, mine, values);
        s.a5 = plus_rank(s.a5, h5, i, mine, values);
        s.a6 = plus_rank(s.a6, h6, i, mine, values);
        s.a7 = plus_rank(s.a7, h7, i, mine, values);
      }
    }
  }
  if (COLUMNS == 1u) { return s; }
  for (var c = 0u; c < select(COLUMNS, 0u, same); c++) {
    let count = rank_count(token + c, member);
    var a = s.a0;
    if (COLUMNS > 1u) { a = select(a, s.a1, c == 1u); }
    if (COLUMNS > 2u) { a = select(select(a, s.a2, c == 2u), s.a3, c == 3u); }
    if (COLUMNS > 4u) {
      a = select(select(a, s.a4, c == 4u), s.a5, c == 5u);
      a = select(select(a, s.a6, c == 6u), s.a7, c == 7u);
    }
    for (var first = 0u; first < count; first += LANES) {
      let rank = rank_of(token + c, member, min(first + lane, params.ranks - 1u));
      let h = bitcast<vec2<f32>>(rank.xz);
      for (var i = 0u; i < min(LANES, count - first); i++) {
        a = plus_rank(a, h, i, mine, b_at(subgroupShuffle(rank.yw, i), place));
      }
    }
    s.a0 = select(s.a0, a, c == 0u);
    if (COLUMNS > 1u) { s.a1 = select(s.a1, a, c == 1u); }
    if (COLUMNS > 2u) {
      s.a2 = select(s.a2, a, c == 2u);
      s.a3 = select(s.a3, a, c == 3u);
    }
    if (COLUMNS > 4u) {
      s.a4 = select(s.a4, a, c == 4u);
      s.a5 = select(s.a5, a, c == 5u);
      s.a6 = select(s.a6, a, c == 6u);
      s.a7 = select(s.a7, a, c == 7u);
    }
  }
  return s;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * LANES + lane) * 4u;
  let width4 = params.width4;
  let of_rows = vec4(row_at(row, 0u), row_at(row, 1u), row_at(row, 2u), row_at(row, 3u));
  let rows = tile_rows(of_rows, params.rows, width4);
  let token = group.x * COLUMNS;
  let end = params.tokens - 1u;
  let t0 = min(token, end) * width4;
  let t1 = min(token + 1u, end) * width4;
  let t2 = min(token + 2u, end) * width4;
  let t3 = min(token + 3u, end) * width4;
  let t4 = min(token + 4u, end) * width4;
  let t5 = min(token + 5u, end) * width4;
  let t6 = min(token + 6u, end) * width4;
  let t7 = min(token + 7u, end) * width4;
  var s = Sums();
  var x1 = vec4<f32>(); var x2 = vec4<f32>(); var x3 = vec4<f32>(); var x4 = vec4<f32>();
  var x5 = vec4<f32>(); var x6 = vec4<f32>(); var x7 = vec4<f32>();
  for (var first = 0u; first < width4; first += LANES) {
    let mine = min(first + lane, width4 - 1u);
    let x0 = x[t0 + mine];
    if (COLUMNS > 1u) { x1 = x[t1 + mine]; }
    if (COLUMNS > 2u) { x2 = x[t2 + mine]; x3 = x[t3 + mine]; }
    if (COLUMNS > 4u) { x4 = x[t4 + mine]; x5 = x[t5 + mine]; x6 = x[t6 + mine]; x7 = x[t7 + mine]; }
    let tiles = min(LANES, width4 - first) / TILE4;
    for (var i = 0u; i < tiles; i++) {
      let w = unpack(load(rows, first / TILE4 + i));
      s.a0 = plus(s.a0, w, x_of(x0, i));
      if (COLUMNS > 1u) { s.a1 = plus(s.a1, w, x_of(x1, i)); }
      if (COLUMNS > 2u) {
        s.a2 = plus(s.a2, w, x_of(x2, i));
        s.a3 = plus(s.a3, w, x_of(x3, i));
      }
      if (COLUMNS > 4u) {
        s.a4 = plus(s.a4, w, x_of(x4, i));
        s.a5 = plus(s.a5, w, x_of(x5, i));
        s.a6 = plus(s.a6, w, x_of(x6, i));
        s.a7 = plus(s.a7, w, x_of(x7, i));
      }
    }
  }
  if (ADAPTED) {
    let place = place_of(row);
    let member = subgroupShuffle(place.member, 0u);
    s = with_adapters(s, token, member, place, lane);
    if (STRADDLES) {
      for (var next = member + 1u; next < params.members; next++) {
        s = with_adapters(s, token, next, place, lane);
      }
    }
  }
  var scale_0 = vec4(1.0);
  var scale_4 = vec4(1.0);
  if (NORMED) {
    let q0 = squares_of(token);
    let q1 = squares_of(token + 1u);
    let q2 = squares_of(token + 2u);
    let q3 = squares_of(token + 3u);
    let q4 = squares_of(token + 4u);
    let q5 = squares_of(token + 5u);
    let q6 = squares_of(token + 6u);
    let q7 = squares_of(token + 7u);
    var sums_0 = vec4<f32>();
    var sums_4 = vec4<f32>();
    for (var k = lane; k < (width4 + 3u) / 4u; k += LANES) {
      sums_0.x += sum_at(q0 + k);
      if (COLUMNS > 1u) { sums_0.y += sum_at(q1 + k); }
      if (COLUMNS > 2u) {
        sums_0.z += sum_at(q2 + k);
        sums_0.w += sum_at(q3 + k);
      }
      if (COLUMNS > 4u) { sums_4 += vec4(sum_at(q4 + k), sum_at(q5 + k), sum_at(q6 + k), sum_at(q7 + k)); }
    }
    scale_0 = norm_scale(sum4_lanes(sums_0, lane));
    if (COLUMNS > 4u) { scale_4 = norm_scale(sum4_lanes(sums_4, lane)); }
  }
  store(token, row, s.a0 * scale_0.x);
  if (COLUMNS > 1u) { store(token + 1u, row, s.a1 * scale_0.y); }
  if (COLUMNS > 2u) {
    store(token + 2u, row, s.a2 * scale_0.z);
    store(token + 3u, row, s.a3 * scale_0.w);
  }
  if (COLUMNS > 4u) {
    store(token + 4u, row, s.a4 * scale_4.x);
    store(token + 5u, row, s.a5 * scale_4.y);
    store(token + 6u, row, s.a6 * scale_4.z);
    store(token + 7u, row, s.a7 * scale_4.w);
  }
}
