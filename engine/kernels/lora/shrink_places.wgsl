// What lora_shrink.wgsl and lora_shrink_lanes.wgsl have in common: where a projection's rows are.
struct Params {
  tokens: u32, modules: u32, first_module: u32, in4: u32, h4: u32,
  a_row_0: u32, a_row_1: u32, a_row_2: u32,
  b_start_0: u32, b_start_1: u32, b_start_2: u32,
  out2_0: u32, out2_1: u32, out2_2: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> x: array<vec4<f32>>;

// The first row of A and of B (in pairs of elements), and the width of B's.
struct Places { a_row: u32, b_start: u32, out2: u32 }
fn places_of(member: u32) -> Places {
  if (member == 0u) { return Places(params.a_row_0, params.b_start_0, params.out2_0); }
  if (member == 1u) { return Places(params.a_row_1, params.b_start_1, params.out2_1); }
  return Places(params.a_row_2, params.b_start_2, params.out2_2);
}
