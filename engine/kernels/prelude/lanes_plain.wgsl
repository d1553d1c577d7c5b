// LANES consecutive invocations share a sum through workgroup memory, for devices without
// subgroups of one size. Must be called in uniform control flow by the whole workgroup.
override LANES: u32 = 8u;
var<workgroup> lane_values: array<vec4<f32>, 256>;
fn sum4_lanes(value: vec4<f32>, local: u32) -> vec4<f32> {
  lane_values[local] = value;
  workgroupBarrier();
  let lane = local % LANES;
  for (var step = LANES / 2u; step > 0u; step = step / 2u) {
    if (lane < step) { lane_values[local] += lane_values[local + step]; }
    workgroupBarrier();
  }
  let total = lane_values[local - lane];
  workgroupBarrier();
  return total;
}
fn sum_lanes(value: f32, local: u32) -> f32 { return sum4_lanes(vec4(value), local).x; }
fn max_lanes(value: f32, local: u32) -> f32 {
  lane_values[local].x = value;
  workgroupBarrier();
  let lane = local % LANES;
  for (var step = LANES / 2u; step > 0u; step = step / 2u) {
    if (lane < step) {
      lane_values[local].x = max(lane_values[local].x, lane_values[local + step].x);
    }
    workgroupBarrier();
  }
  let highest = lane_values[local - lane].x;
  workgroupBarrier();
  return highest;
}
