// y[t, r] = W[r] · x[t] (+ bias[r]) (+ y[t, r]) for few tokens: SPLIT times LANES invocations share 4
// rows of W and up to COLUMNS tokens, so that W is read once for all of them. The order of every sum is the
// same for any COLUMNS: a token's result does not depend on its neighbours.
struct Params {
  rows: u32, width4: u32, tokens: u32, stride: u32, first: u32,
  squares_at: u32, eps: f32,
  next_at: u32, next_squares_at: u32,
  ranks: u32, list_length: u32, members: u32, member_1: u32, member_2: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read> next_norm: array<f32>;
@group(0) @binding(6) var<storage, read> rank_list: array<u32>;
@group(0) @binding(7) var<storage, read> b: array<W4>;

override COLUMNS: u32 = 1u;
override ACCUMULATE: bool = false;
override HAS_BIAS: bool = false;
override SIZE: u32 = 64u;
override SPLIT: u32 = 1u;
// x is the weighted part of a residual stream (residual_stream.ts): products are yet to be scaled.
override NORMED: bool = false;
// Rows are gates, then as many ups: y[t, r] = silu(gate r) * up r.
override GATED: bool = false;
// y is a residual stream: its weighted part is written for the norm that follows.
override NEXT: bool = false;
// Adapters take part: y gets sum over j of h[t][j] * B[j] too, from the lists of lora_shrink.
override ADAPTED: bool = false;

// Sums of lane groups that share rows: [column][lane group].
override LANE_GROUPS: u32 = 1u;
var<workgroup> part_sums: array<vec4<f32>, COLUMNS * LANE_GROUPS>;

fn dot4(w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>, v: vec4<f32>) -> vec4<f32> {
  return vec4(dot(w0, v), dot(w1, v), dot(w2, v), dot(w3, v));
}

// What the lane groups from `first` on found for a column, in their order.
fn whole(column: u32, first: u32) -> vec4<f32> {
  var sum = part_sums[column * LANE_GROUPS + first];
  for (var i = 1u; i < SPLIT; i++) { sum += part_sums[column * LANE_GROUPS + first + i]; }
  return sum;
}

// The i-th of the 4 rows that lanes share from `row` on; with gates, two of them and their ups.
fn row_at(row: u32, i: u32) -> u32 {
  if (GATED) {
    let half = params.rows / 2u;
    return min(row / 2u + i % 2u, half - 1u) + i / 2u * half;
  }
  return min(row + i, params.rows - 1u);
}

// What rank j of a token's adapters adds to 4 outputs from `out` on, if there is such a rank.
fn add_rank(sum: vec4<f32>, token: u32, member: u32, out: u32, j: u32) -> vec4<f32> {
  let list = (token * params.members + member) * params.list_length;
  let at = list + 4u + j / 4u * 8u + j % 4u;
  if (j >= rank_list[list]) { return sum; }
  return sum + bitcast<f32>(rank_list[at]) * vec4<f32>(b[rank_list[at + 4u] + out / 4u]);
}

fn adapt(sum: vec4<f32>, at_token: u32, row: u32, j: u32) -> vec4<f32> {
  let token = min(at_token, params.tokens - 1u);
  if (GATED) {
    let pair = row / 2u;
    let gate = add_rank(vec4(sum.xy, sum.xy), token, 0u, pair, j);
    let up = add_rank(vec4(sum.zw, sum.zw), token, 1u, pair, j);
    return select(vec4(gate.xy, up.xy), vec4(gate.zw, up.zw), (pair & 2u) != 0u);
  }
  let out = params.first + row;
  if (out >= params.member_2) { return add_rank(sum, token, 2u, out - params.member_2, j); }
  if (out >= params.member_1) { return add_rank(sum, token, 1u, out - params.member_1, j); }
  return add_rank(sum, token, 0u, out, j);
}

// A lane's share of a token's sum of squares.
fn squares(token: u32, local: u32) -> f32 {
  let length = (params.width4 + 3u) / 4u;
  let start = params.squares_at + min(token, params.tokens - 1u) * length;
  var sum = 0.0;
  for (var i = local % LANES; i < length; i += LANES) { sum += dot(x[start + i], vec4(1.0)); }
  return sum;
}

fn norm_scale(squares: vec4<f32>) -> vec4<f32> {
  return inverseSqrt(squares / f32(params.width4 * 4u) + params.eps);
}

fn store_one(token: u32, row: u32, sum: f32) {
  if (row >= params.rows) { return; }
  var value = sum;
  let out = params.first + row;
  if (HAS_BIAS) { value += bias[out]; }
  let at = token * params.stride + out;
  if (ACCUMULATE) { value += y[at]; }
  y[at] = value;
}

fn store_gated(token: u32, pair: u32, gate_sum: f32, up_sum: f32) {
  let half = params.rows / 2u;
  if (pair >= half) { return; }
  var gate = gate_sum;
  var up = up_sum;
  if (HAS_BIAS) {
    gate += bias[pair];
    up += bias[half + pair];
  }
  y[token * params.stride + pair] = gate / (1.0 + exp(-gate)) * up;
}

// Adds to the residual stream and does the next norm's share of the 4 elements.
fn store_next(token: u32, row: u32, sum: vec4<f32>) {
  if (row >= params.rows) { return; }
  var value = sum;
  let out = params.first + row;
  if (HAS_BIAS) { value += vec4(bias[out], bias[out + 1u], bias[out + 2u], bias[out + 3u]); }
  let at = token * params.stride + out;
  if (ACCUMULATE) { value += vec4(y[at], y[at + 1u], y[at + 2u], y[at + 3u]); }
  y[at] = value.x;
  y[at + 1u] = value.y;
  y[at + 2u] = value.z;
  y[at + 3u] = value.w;
  let next = params.next_at + at;
  y[next] = value.x * next_norm[out];
  y[next + 1u] = value.y * next_norm[out + 1u];
  y[next + 2u] = value.z * next_norm[out + 2u];
  y[next + 3u] = value.w * next_norm[out + 3u];
  y[params.next_squares_at + token * ((params.stride + 15u) / 16u * 4u) + out / 4u] = dot(value, value);
}

fn store(token: u32, row: u32, total: vec4<f32>) {
  if (token >= params.tokens) { return; }
  if (GATED) {
    store_gated(token, row / 2u, total.x, total.z);
    store_gated(token, row / 2u + 1u, total.y, total.w);
  } else if (NEXT) {
    store_next(token, row, total);
  } else {
    store_one(token, row, total.x);
    store_one(token, row + 1u, total.y);
    store_one(token, row + 2u, total.z);
    store_one(token, row + 3u, total.w);
  }
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let width = SPLIT * LANES;
  let lane = local % width;
  let row = (group.x * (SIZE / width) + local / width) * 4u;
  let width4 = params.width4;
  let r0 = row_at(row, 0u) * width4;
  let r1 = row_at(row, 1u) * width4;
  let r2 = row_at(row, 2u) * width4;
  let r3 = row_at(row, 3u) * width4;
  let token = group.y * COLUMNS;
  let end = params.tokens - 1u;
  let t0 = min(token, end) * width4;
  let t1 = min(token + 1u, end) * width4;
  let t2 = min(token + 2u, end) * width4;
  let t3 = min(token + 3u, end) * width4;
  let t4 = min(token + 4u, end) * width4;
  let t5 = min(token + 5u, end) * width4;
  let t6 = min(token + 6u, end) * width4;
  let t7 = min(token + 7u, end) * width4;
  var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
  var a4 = vec4<f32>(); var a5 = vec4<f32>(); var a6 = vec4<f32>(); var a7 = vec4<f32>();
  var i = lane;
  // Two rounds of loads before their products: they wait for memory together.
  for (; i + width < width4; i += 2u * width) {
    let j = i + width;
    let w0 = vec4<f32>(weight[r0 + i]);
    let w1 = vec4<f32>(weight[r1 + i]);
    let w2 = vec4<f32>(weight[r2 + i]);
    let w3 = vec4<f32>(weight[r3 + i]);
    let u0 = vec4<f32>(weight[r0 + j]);
    let u1 = vec4<f32>(weight[r1 + j]);
    let u2 = vec4<f32>(weight[r2 + j]);
    let u3 = vec4<f32>(weight[r3 + j]);
    a0 += dot4(w0, w1, w2, w3, x[t0 + i]);
    if (COLUMNS > 1u) { a1 += dot4(w0, w1, w2, w3, x[t1 + i]); }
    if (COLUMNS > 2u) {
      a2 += dot4(w0, w1, w2, w3, x[t2 + i]);
      a3 += dot4(w0, w1, w2, w3, x[t3 + i]);
    }
    if (COLUMNS > 4u) {
      a4 += dot4(w0, w1, w2, w3, x[t4 + i]);
      a5 += dot4(w0, w1, w2, w3, x[t5 + i]);
      a6 += dot4(w0, w1, w2, w3, x[t6 + i]);
      a7 += dot4(w0, w1, w2, w3, x[t7 + i]);
    }
    a0 += dot4(u0, u1, u2, u3, x[t0 + j]);
    if (COLUMNS > 1u) { a1 += dot4(u0, u1, u2, u3, x[t1 + j]); }
    if (COLUMNS > 2u) {
      a2 += dot4(u0, u1, u2, u3, x[t2 + j]);
      a3 += dot4(u0, u1, u2, u3, x[t3 + j]);
    }
    if (COLUMNS > 4u) {
      a4 += dot4(u0, u1, u2, u3, x[t4 + j]);
      a5 += dot4(u0, u1, u2, u3, x[t5 + j]);
      a6 += dot4(u0, u1, u2, u3, x[t6 + j]);
      a7 += dot4(u0, u1, u2, u3, x[t7 + j]);
    }
  }
  if (i < width4) {
    let w0 = vec4<f32>(weight[r0 + i]);
    let w1 = vec4<f32>(weight[r1 + i]);
    let w2 = vec4<f32>(weight[r2 + i]);
    let w3 = vec4<f32>(weight[r3 + i]);
    a0 += dot4(w0, w1, w2, w3, x[t0 + i]);
    if (COLUMNS > 1u) { a1 += dot4(w0, w1, w2, w3, x[t1 + i]); }
    if (COLUMNS > 2u) {
      a2 += dot4(w0, w1, w2, w3, x[t2 + i]);
      a3 += dot4(w0, w1, w2, w3, x[t3 + i]);
    }
    if (COLUMNS > 4u) {
      a4 += dot4(w0, w1, w2, w3, x[t4 + i]);
      a5 += dot4(w0, w1, w2, w3, x[t5 + i]);
      a6 += dot4(w0, w1, w2, w3, x[t6 + i]);
      a7 += dot4(w0, w1, w2, w3, x[t7 + i]);
    }
  }
  if (ADAPTED) {
    for (var j = lane; j < params.ranks; j += width) {
      a0 = adapt(a0, token, row, j);
      if (COLUMNS > 1u) { a1 = adapt(a1, token + 1u, row, j); }
      if (COLUMNS > 2u) {
        a2 = adapt(a2, token + 2u, row, j);
        a3 = adapt(a3, token + 3u, row, j);
      }
      if (COLUMNS > 4u) {
        a4 = adapt(a4, token + 4u, row, j);
        a5 = adapt(a5, token + 5u, row, j);
        a6 = adapt(a6, token + 6u, row, j);
        a7 = adapt(a7, token + 7u, row, j);
      }
    }
  }
  var scale_0 = vec4(1.0);
  var scale_4 = vec4(1.0);
  if (NORMED) {
    var sums = vec4<f32>();
    sums.x = squares(token, local);
    if (COLUMNS > 1u) { sums.y = squares(token + 1u, local); }
    if (COLUMNS > 2u) {
      sums.z = squares(token + 2u, local);
      sums.w = squares(token + 3u, local);
    }
    scale_0 = norm_scale(sum4_lanes(sums, local));
    if (COLUMNS > 4u) {
      sums.x = squares(token + 4u, local);
      sums.y = squares(token + 5u, local);
      sums.z = squares(token + 6u, local);
      sums.w = squares(token + 7u, local);
      scale_4 = norm_scale(sum4_lanes(sums, local));
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
    if (NORMED) { total *= select(scale_0, scale_4, c >= 4u)[c % 4u]; }
    store(token + c, row, total);
  }
}
