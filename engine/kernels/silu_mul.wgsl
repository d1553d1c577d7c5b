// y[t, i] = silu(gate[t, i]) * up[t, i], where x[t] = gate[t] ++ up[t].
struct Params { width4: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width4) { return; }
  let base = id.y * params.width4 * 2u + id.x;
  let gate = x[base];
  y[id.y * params.width4 + id.x] = gate / (1.0 + exp(-gate)) * x[base + params.width4];
}
