// y[first + i] = x[t] / sqrt(mean(x[t]^2) + eps) * weight, one workgroup of PARTS times LANES a row;
// t is indices[first + i] where rows are picked, else i.
struct Params { width4: u32, eps: f32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> indices: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

override PICK: bool = false;
override SIZE: u32 = 64u;
const PARTS = 8u;

var<workgroup> part_sums: array<f32, PARTS>;

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let width4 = params.width4;
  let row = params.first + group.x;
  var source = group.x * width4;
  if (PICK) { source = indices[row] * width4; }
  var squares = 0.0;
  for (var i = local; i < width4; i += SIZE) {
    let value = x[source + i];
    squares += dot(value, value);
  }
  let part = sum_lanes(squares, local);
  if (local % LANES == 0u) { part_sums[local / LANES] = part; }
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < PARTS; i++) { total += part_sums[i]; }
  let scale = inverseSqrt(total / f32(width4 * 4u) + params.eps);
  for (var i = local; i < width4; i += SIZE) {
    y[row * width4 + i] = x[source + i] * scale * weight[i];
  }
}
