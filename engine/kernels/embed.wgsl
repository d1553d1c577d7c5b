// x[t] = weight[tokens[t]] for the tokens whose row is in this shard.
struct Params { width4: u32, tokens: u32, first: u32, rows: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width4) { return; }
  let token = tokens[id.y];
  if (token < params.first || token - params.first >= params.rows) { return; }
  let row = token - params.first;
  x[id.y * params.width4 + id.x] = weights_at(row, id.x, params.rows, params.width4);
}
