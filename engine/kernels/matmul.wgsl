// y[t, r] = W[r] · x[t] (+ bias[r]) (+ y[t, r]) for many tokens: each invocation keeps a tile of
// 4 tokens × 4 rows in registers and walks the width in order, so that a token's result does not
// depend on how a prompt was cut into chunks.
struct Params { rows: u32, width4: u32, tokens: u32, stride: u32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

override ACCUMULATE: bool = false;
override HAS_BIAS: bool = false;

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

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x * 4u;
  let token = id.y * 4u;
  if (row >= params.rows || token >= params.tokens) { return; }
  let rows = tile_rows(vec4(row, row + 1u, row + 2u, row + 3u), params.rows, params.width4);
  let tiles = params.width4 / TILE4;
  let end = params.tokens - 1u;
  let t0 = token * tiles;
  let t1 = min(token + 1u, end) * tiles;
  let t2 = min(token + 2u, end) * tiles;
  let t3 = min(token + 3u, end) * tiles;
  var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
  for (var i = 0u; i < tiles; i++) {
    let w = unpack(load(rows, i));
    a0 += times(w, columns_at(t0 + i));
    a1 += times(w, columns_at(t1 + i));
    a2 += times(w, columns_at(t2 + i));
    a3 += times(w, columns_at(t3 + i));
  }
  store4(token, row, a0);
  store4(token + 1u, row, a1);
  store4(token + 2u, row, a2);
  store4(token + 3u, row, a3);
}
