// Logits of the prototype classes: scale * dot(features, mean) + bias. LANES invocations share the
// sums of 4 prototypes of one row.
struct Params { prototypes: u32, width: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> features: array<f32>;         // [row][width]
@group(0) @binding(2) var<storage, read> means: array<f32>;            // [prototype][width]
@group(0) @binding(3) var<storage, read> terms: array<vec2<f32>>;      // [prototype]: scale, bias
@group(0) @binding(4) var<storage, read_write> prototype_logits: array<f32>;  // [row][prototypes]

fn put(row: u32, prototype: u32, sum: f32) {
  if (prototype >= params.prototypes) { return; }
  let term = terms[prototype];
  prototype_logits[row * params.prototypes + prototype] = term.x * sum + term.y;
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = 4u * group.x;
  var sum = vec4(0.0);
  for (var i = lane; i < params.width; i += LANES) {
    let at = first * params.width + i;
    sum += features[group.y * params.width + i] * vec4(
      means[at],
      means[at + params.width],
      means[at + 2u * params.width],
      means[at + 3u * params.width],
    );
  }
  let total = sum4_lanes(sum, lane);
  if (lane == 0u) {
    put(group.y, first, total.x);
    put(group.y, first + 1u, total.y);
    put(group.y, first + 2u, total.z);
    put(group.y, first + 3u, total.w);
  }
}
