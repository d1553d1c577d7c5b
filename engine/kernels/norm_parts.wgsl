// What the first norm of a step's layers needs of the residual stream (residual_stream.ts): the rows
// times the norm's weight, and the sum of squares of every 4 elements.
struct Params { width: u32, weighted_at: u32, squares_at: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> stream: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let first = id.x * 4u;
  if (first >= params.width) { return; }
  let at = id.y * params.width + first;
  let value = vec4(stream[at], stream[at + 1u], stream[at + 2u], stream[at + 3u]);
  let next = params.weighted_at + at;
  stream[next] = value.x * weight[first];
  stream[next + 1u] = value.y * weight[first + 1u];
  stream[next + 2u] = value.z * weight[first + 2u];
  stream[next + 3u] = value.w * weight[first + 3u];
  stream[params.squares_at + id.y * ((params.width + 15u) / 16u * 4u) + id.x] = dot(value, value);
}
