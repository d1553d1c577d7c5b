// LANES consecutive invocations are one subgroup.
override LANES: u32 = 8u;
fn sum_lanes(value: f32, local: u32) -> f32 { return subgroupAdd(value); }
fn sum4_lanes(value: vec4<f32>, local: u32) -> vec4<f32> { return subgroupAdd(value); }
fn max_lanes(value: f32, local: u32) -> f32 { return subgroupMax(value); }
