// y[t, r] = W[r] · x[t] (+ bias[r]) (+ y[t, r]) for many tokens: each invocation keeps a tile of
// 4 tokens × 4 rows in registers and walks the width in order, so that a token's result does not
// depend on how a prompt was cut into chunks.
struct Params { rows: u32, width4: u32, tokens: u32, stride: u32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;
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
  let width4 = params.width4;
  let last = params.rows - 1u;
  let end = params.tokens - 1u;
  let r0 = row * width4;
  let r1 = min(row + 1u, last) * width4;
  let r2 = min(row + 2u, last) * width4;
  let r3 = min(row + 3u, last) * width4;
  let t0 = token * width4;
  let t1 = min(token + 1u, end) * width4;
  let t2 = min(token + 2u, end) * width4;
  let t3 = min(token + 3u, end) * width4;
  var a0 = vec4<f32>(); var a1 = vec4<f32>(); var a2 = vec4<f32>(); var a3 = vec4<f32>();
  for (var i = 0u; i < width4; i++) {
    let w0 = vec4<f32>(weight[r0 + i]);
    let w1 = vec4<f32>(weight[r1 + i]);
    let w2 = vec4<f32>(weight[r2 + i]);
    let w3 = vec4<f32>(weight[r3 + i]);
    let x0 = x[t0 + i];
    let x1 = x[t1 + i];
    let x2 = x[t2 + i];
    let x3 = x[t3 + i];
    a0 += vec4(dot(w0, x0), dot(w1, x0), dot(w2, x0), dot(w3, x0));
    a1 += vec4(dot(w0, x1), dot(w1, x1), dot(w2, x1), dot(w3, x1));
    a2 += vec4(dot(w0, x2), dot(w1, x2), dot(w2, x2), dot(w3, x2));
    a3 += vec4(dot(w0, x3), dot(w1, x3), dot(w2, x3), dot(w3, x3));
  }
  store4(token, row, a0);
  store4(token + 1u, row, a1);
  store4(token + 2u, row, a2);
  store4(token + 3u, row, a3);
}
