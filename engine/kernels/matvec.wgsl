// y[t, r] = W[r] · x[t] (+ bias[r]) (+ y[t, r]) for few tokens: SPLIT times LANES invocations share 4
// rows of W and up to COLUMNS tokens, so that W is read once for all of them. The order of every sum is the
// same for any COLUMNS: a token's result does not depend on its neighbours.
struct Params { rows: u32, width4: u32, tokens: u32, stride: u32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override COLUMNS: u32 = 1u;
override ACCUMULATE: bool = false;
override HAS_BIAS: bool = false;
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

fn store(token: u32, row: u32, total: vec4<f32>, lane: u32) {
  let r = row + lane;
  if (lane >= 4u || r >= params.rows || token >= params.tokens) { return; }
  var value = select(select(total.x, total.y, lane == 1u), select(total.z, total.w, lane == 3u), lane >= 2u);
  let out = params.first + r;
  if (HAS_BIAS) { value += bias[out]; }
  let at = token * params.stride + out;
  if (ACCUMULATE) { value += y[at]; }
  y[at] = value;
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let width = SPLIT * LANES;
  let lane = local % width;
  let row = (group.x * (SIZE / width) + local / width) * 4u;
  let rows = tile_rows(vec4(row, row + 1u, row + 2u, row + 3u), params.rows, params.width4);
  let tiles = params.width4 / TILE4;
  let token = group.y * COLUMNS;
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
  store(token, row, a0, lane);
  if (COLUMNS > 1u) { store(token + 1u, row, a1, lane); }
  if (COLUMNS > 2u) {
    store(token + 2u, row, a2, lane);
    store(token + 3u, row, a3, lane);
  }
  if (COLUMNS > 4u) {
    store(token + 4u, row, a4, lane);
    store(token + 5u, row, a5, lane);
    store(token + 6u, row, a6, lane);
    store(token + 7u, row, a7, lane);
  }
}
