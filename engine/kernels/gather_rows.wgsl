// y[first + i] = x[indices[first + i]]
struct Params { width4: u32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width4) { return; }
  let i = params.first + id.y;
  y[i * params.width4 + id.x] = x[indices[i] * params.width4 + id.x];
}
