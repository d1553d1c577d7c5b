// The adapters' share of matvec_lanes.wgsl: y gets sum over j of h[t][j] * B[j] too, from the lists of lora_shrink.
// Rows of B may belong to several projections of the group within a subgroup.
override STRADDLES: bool = false;

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

fn plus_adapters(sums: Sums, token: u32, row: u32, lane: u32) -> Sums {
  let place = place_of(row);
  let first = subgroupShuffle(place.member, 0u);
  let last = select(first, params.members - 1u, STRADDLES);
  var s = sums;
  for (var member = first; member <= last; member++) { s = with_adapters(s, token, member, place, lane); }
  return s;
}
