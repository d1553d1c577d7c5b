// y[t, r] = W[r] · x[t] (+ bias[r]) (+ y[t, r]) for few tokens: SPLIT times LANES invocations share 4
// rows of W and up to COLUMNS tokens, so that W is read once for all of them. The order of every sum is the
// same for any COLUMNS: a token's result does not depend on its neighbours.
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(7) var<storage, read> b: array<vec2<W>>;

override SIZE: u32 = 64u;
override SPLIT: u32 = 1u;

// Sums of lane groups that share rows: [column][lane group].
override LANE_GROUPS: u32 = 1u;
var<workgroup> part_sums: array<vec4<f32>, COLUMNS * LANE_GROUPS>;

// What the lane groups from `first` on found for a column, in their order.
fn whole(column: u32, first: u32) -> vec4<f32> {
  var sum = part_sums[column * LANE_GROUPS + first];
  for (var i = 1u; i < SPLIT; i++) { sum += part_sums[column * LANE_GROUPS + first + i]; }
  return sum;
}

// h of rank j of a token's adapters (0 beyond the last), and where its row of B starts.
struct Rank { h: f32, at: u32 }
fn rank_of(token: u32, member: u32, j: u32) -> Rank {
  let entry = rank_list[list_of(token, member) + 4u + j];
  return Rank(bitcast<f32>(entry.x), entry.y);
}

fn b_pair(at: u32) -> vec2<f32> { return vec2<f32>(b[at]); }

// What rank j adds to a lane's share of a token's 4 sums.
fn rank_share(at_token: u32, place: Place, j: u32) -> vec4<f32> {
  let token = min(at_token, params.tokens - 1u);
  let rank = rank_of(token, place.member, j);
  if (GATED) {
    let up = rank_of(token, 1u, j);
    return vec4(rank.h * b_pair(rank.at + place.pair), up.h * b_pair(up.at + place.pair));
  }
  let at = rank.at + place.pair;
  return rank.h * vec4(b_pair(at), b_pair(at + 1u));
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let width = SPLIT * LANES;
  let lane = local % width;
  let row = (group.y * (SIZE / width) + local / width) * 4u;
  let width4 = params.width4;
  let tiles = width4 / TILE4;
  let of_rows = vec4(row_at(row, 0u), row_at(row, 1u), row_at(row, 2u), row_at(row, 3u));
  let rows = tile_rows(of_rows, params.rows, width4);
  let token = group.x * COLUMNS;
  let end = params.tokens - 1u;
  let t0 = min(token, end) * tiles;
  let t1 = min(token + 1u, end) * tiles;
  let t2 = min(token + 2u, end) * tiles;
  let t3 = min(token + 3u, end) * tiles;
  let t4 = min(token + 4u, end) * tiles;
  let t5 = min(token + 5u, end) * tiles;
  let t6 = min(token + 6u, end) * tiles;
  let t7 = min(token + 7u, end) * tiles;
  var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
  var a4 = vec4<f32>(); var a5 = vec4<f32>(); var a6 = vec4<f32>(); var a7 = vec4<f32>();
  var i = lane;
  // Two rounds of loads before their products: they wait for memory together.
  for (; i + width < tiles; i += 2u * width) {
    let j = i + width;
    let first = load(rows, i);
    let second = load(rows, j);
    let w = unpack(first);
    a0 += times(w, columns_at(t0 + i));
    if (COLUMNS > 1u) { a1 += times(w, columns_at(t1 + i)); }
    if (COLUMNS > 2u) {
      a2 += times(w, columns_at(t2 + i));
      a3 += times(w, columns_at(t3 + i));
    }
    if (COLUMNS > 4u) {
      a4 += times(w, columns_at(t4 + i));
      a5 += times(w, columns_at(t5 + i));
      a6 += times(w, columns_at(t6 + i));
      a7 += times(w, columns_at(t7 + i));
    }
    let u = unpack(second);
    a0 += times(u, columns_at(t0 + j));
    if (COLUMNS > 1u) { a1 += times(u, columns_at(t1 + j)); }
    if (COLUMNS > 2u) {
      a2 += times(u, columns_at(t2 + j));
      a3 += times(u, columns_at(t3 + j));
    }
    if (COLUMNS > 4u) {
      a4 += times(u, columns_at(t4 + j));
      a5 += times(u, columns_at(t5 + j));
      a6 += times(u, columns_at(t6 + j));
      a7 += times(u, columns_at(t7 + j));
    }
  }
  if (i < tiles) {
    let w = unpack(load(rows, i));
    a0 += times(w, columns_at(t0 + i));
    if (COLUMNS > 1u) { a1 += times(w, columns_at(t1 + i)); }
    if (COLUMNS > 2u) {
      a2 += times(w, columns_at(t2 + i));
      a3 += times(w, columns_at(t3 + i));
    }
    if (COLUMNS > 4u) {
      a4 += times(w, columns_at(t4 + i));
      a5 += times(w, columns_at(t5 + i));
      a6 += times(w, columns_at(t6 + i));
      a7 += times(w, columns_at(t7 + i));
    }
  }
  if (ADAPTED) {
    let place = place_of(row);
    for (var j = lane; j < params.ranks; j += width) {
      a0 += rank_share(token, place, j);
      if (COLUMNS > 1u) { a1 += rank_share(token + 1u, place, j); }
      if (COLUMNS > 2u) {
        a2 += rank_share(token + 2u, place, j);
        a3 += rank_share(token + 3u, place, j);
      }
      if (COLUMNS > 4u) {
        a4 += rank_share(token + 4u, place, j);
        a5 += rank_share(token + 5u, place, j);
        a6 += rank_share(token + 6u, place, j);
        a7 += rank_share(token + 7u, place, j);
      }
    }
  }
  var scales = Scales(vec4(1.0), vec4(1.0));
  if (NORMED) { scales = norm_scales(token, local); }
  a0 = sum4_lanes(a0, local);
  if (COLUMNS > 1u) { a1 = sum4_lanes(a1, local); }
  if (COLUMNS > 2u) {
    a2 = sum4_lanes(a2, local);
    a3 = sum4_lanes(a3, local);
  }
  if (COLUMNS > 4u) {
    a4 = sum4_lanes(a4, local);
    a5 = sum4_lanes(a5, local);
    a6 = sum4_lanes(a6, local);
    a7 = sum4_lanes(a7, local);
  }
  if (SPLIT > 1u) {
    let part = local / LANES;
    if (local % LANES == 0u) {
      part_sums[part] = a0;
      if (COLUMNS > 1u) { part_sums[LANE_GROUPS + part] = a1; }
      if (COLUMNS > 2u) {
        part_sums[2u * LANE_GROUPS + part] = a2;
        part_sums[3u * LANE_GROUPS + part] = a3;
      }
      if (COLUMNS > 4u) {
        part_sums[4u * LANE_GROUPS + part] = a4;
        part_sums[5u * LANE_GROUPS + part] = a5;
        part_sums[6u * LANE_GROUPS + part] = a6;
        part_sums[7u * LANE_GROUPS + part] = a7;
      }
    }
    workgroupBarrier();
    let first = part / SPLIT * SPLIT;
    a0 = whole(0u, first);
    if (COLUMNS > 1u) { a1 = whole(1u, first); }
    if (COLUMNS > 2u) {
      a2 = whole(2u, first);
      a3 = whole(3u, first);
    }
    if (COLUMNS > 4u) {
      a4 = whole(4u, first);
      a5 = whole(5u, first);
      a6 = whole(6u, first);
      a7 = whole(7u, first);
    }
  }
  // A lane finishes a token's 4 rows.
  for (var c = lane; c < COLUMNS; c += width) {
    var total = a0;
    if (COLUMNS > 1u) { total = select(total, a1, c == 1u); }
    if (COLUMNS > 2u) {
      total = select(total, a2, c == 2u);
      total = select(total, a3, c == 3u);
    }
    if (COLUMNS > 4u) {
      total = select(total, a4, c == 4u);
      total = select(total, a5, c == 5u);
      total = select(total, a6, c == 6u);
      total = select(total, a7, c == 7u);
    }
    if (NORMED) { total *= select(scales.low, scales.high, c >= 4u)[c % 4u]; }
    store(token + c, row, total);
  }
}
