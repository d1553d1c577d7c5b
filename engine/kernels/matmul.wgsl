// y[t, r] = W[r] · x[t] (+ bias[r]) (+ y[t, r]) for many tokens: each invocation keeps a tile of
// TILE_TOKENS (4 or 8) × 4 rows in registers and walks the width in order, so that a token's result does not
// depend on how a prompt was cut into chunks.
struct Params { rows: u32, width4: u32, tokens: u32, stride: u32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override ACCUMULATE: bool = false;
override HAS_BIAS: bool = false;
override TILE_TOKENS: u32 = 4u;

fn store(token: u32, row: u32, value: f32) {
  if (row >= params.rows || token >= params.tokens) { return; }
  let out = params.first + row;
  let at = token * params.stride + out;
  var total = value;
  if (HAS_BIAS) { total += bias[out]; }
  if (ACCUMULATE) { total += y[at]; }
  y[at] = total;
}

fn store4(token: u32, row: u32, values: vec4<f32>) {
  store(token, row, values.x);
  store(token, row + 1u, values.y);
  store(token, row + 2u, values.z);
  store(token, row + 3u, values.w);
}

// Adds 4 columns of 4 rows, a column after another as all of the width.
fn add_columns(sum: vec4<f32>, w: mat4x4<f32>, v: vec4<f32>) -> vec4<f32> {
  return fma(w[3], vec4(v.w), fma(w[2], vec4(v.z), fma(w[1], vec4(v.y), fma(w[0], vec4(v.x), sum))));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x * 4u;
  let token = id.y * TILE_TOKENS;
  if (row >= params.rows || token >= params.tokens) { return; }
  let rows = tile_rows(vec4(row, row + 1u, row + 2u, row + 3u), params.rows, params.width4);
  let end = params.tokens - 1u;
  let t0 = token * params.width4;
  let t1 = min(token + 1u, end) * params.width4;
  let t2 = min(token + 2u, end) * params.width4;
  let t3 = min(token + 3u, end) * params.width4;
  let t4 = min(token + 4u, end) * params.width4;
  let t5 = min(token + 5u, end) * params.width4;
  let t6 = min(token + 6u, end) * params.width4;
  let t7 = min(token + 7u, end) * params.width4;
  var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
  var a4 = vec4<f32>(); var a5 = vec4<f32>(); var a6 = vec4<f32>(); var a7 = vec4<f32>();
  for (var i = 0u; i < params.width4; i += TILE4) {
    let tile = unpack(load(rows, i / TILE4));
    for (var part = 0u; part < TILE4; part++) {
      let w = transpose(quad(tile, part));
      let at = i + part;
      a0 = add_columns(a0, w, x[t0 + at]);
      a1 = add_columns(a1, w, x[t1 + at]);
      a2 = add_columns(a2, w, x[t2 + at]);
      a3 = add_columns(a3, w, x[t3 + at]);
      if (TILE_TOKENS > 4u) {
        a4 = add_columns(a4, w, x[t4 + at]);
        a5 = add_columns(a5, w, x[t5 + at]);
        a6 = add_columns(a6, w, x[t6 + at]);
        a7 = add_columns(a7, w, x[t7 + at]);
      }
    }
  }
  store4(token, row, a0);
  store4(token + 1u, row, a1);
  store4(token + 2u, row, a2);
  store4(token + 3u, row, a3);
  if (TILE_TOKENS > 4u) {
    store4(token + 4u, row, a4);
    store4(token + 5u, row, a5);
    store4(token + 6u, row, a6);
    store4(token + 7u, row, a7);
  }
}
