// What the few-token products share (matvec.wgsl, matvec_lanes.wgsl): their interface, and what becomes of
// a token's sums for 4 rows.
struct Params {
  rows: u32, width4: u32, tokens: u32, stride: u32, first: u32,
  squares_at: u32, eps: f32,
  next_at: u32, next_squares_at: u32,
  ranks: u32, list_length: u32, members: u32, member_1: u32, member_2: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read> next_norm: array<f32>;
@group(0) @binding(6) var<storage, read> rank_list: array<vec2<u32>>;

override COLUMNS: u32 = 1u;
override ACCUMULATE: bool = false;
override HAS_BIAS: bool = false;
// x is the weighted part of a residual stream (residual_stream.ts): products are yet to be scaled.
override NORMED: bool = false;
// Rows are gates, then as many ups: y[t, r] = silu(gate r) * up r.
override GATED: bool = false;
// y is a residual stream: its weighted part is written for the norm that follows.
override NEXT: bool = false;
// Adapters take part: y gets sum over j of h[t][j] * B[j] too, from the lists of lora_shrink.
override ADAPTED: bool = false;

// The i-th of the 4 rows that lanes share from `row` on; with gates, two of them and their ups.
fn row_at(row: u32, i: u32) -> u32 {
  if (GATED) {
    let half = params.rows / 2u;
    return min(row / 2u + i % 2u, half - 1u) + i / 2u * half;
  }
  return min(row + i, params.rows - 1u);
}

fn list_of(token: u32, member: u32) -> u32 {
  return (token * params.members + member) * params.list_length;
}

// Which projection of the group a lane's rows belong to, and which pair of its outputs comes first.
struct Place { member: u32, pair: u32 }
fn place_of(row: u32) -> Place {
  if (GATED) { return Place(0u, row / 4u); }
  let out = params.first + row;
  if (out >= params.member_2) { return Place(2u, (out - params.member_2) / 2u); }
  if (out >= params.member_1) { return Place(1u, (out - params.member_1) / 2u); }
  return Place(0u, out / 2u);
}

// Where a token's sums of squares start, in vec4s.
fn squares_of(token: u32) -> u32 {
  return params.squares_at + min(token, params.tokens - 1u) * ((params.width4 + 3u) / 4u);
}

fn sum_at(at: u32) -> f32 { return dot(x[at], vec4(1.0)); }

fn norm_scale(squares: vec4<f32>) -> vec4<f32> {
  return inverseSqrt(squares / f32(params.width4 * 4u) + params.eps);
}

// Of the workgroup's tokens from `token` on; for the whole workgroup at once, each LANES of which find all.
struct Scales { low: vec4<f32>, high: vec4<f32> }
fn norm_scales(token: u32, local: u32) -> Scales {
  let s0 = squares_of(token);
  let s1 = squares_of(token + 1u);
  let s2 = squares_of(token + 2u);
  let s3 = squares_of(token + 3u);
  let s4 = squares_of(token + 4u);
  let s5 = squares_of(token + 5u);
  let s6 = squares_of(token + 6u);
  let s7 = squares_of(token + 7u);
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var k = local % LANES; k < (params.width4 + 3u) / 4u; k += LANES) {
    low.x += sum_at(s0 + k);
    if (COLUMNS > 1u) { low.y += sum_at(s1 + k); }
    if (COLUMNS > 2u) {
      low.z += sum_at(s2 + k);
      low.w += sum_at(s3 + k);
    }
    if (COLUMNS > 4u) { high += vec4(sum_at(s4 + k), sum_at(s5 + k), sum_at(s6 + k), sum_at(s7 + k)); }
  }
  low = sum4_lanes(low, local);
  if (COLUMNS > 4u) { high = sum4_lanes(high, local); }
  return Scales(norm_scale(low), norm_scale(high));
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
