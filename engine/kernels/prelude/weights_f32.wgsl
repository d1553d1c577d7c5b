alias W = f32;
alias W4 = vec4<f32>;

// As in weights_f16.wgsl.
alias Pair = vec2<f32>;
fn pair_of(p: Pair) -> vec2<f32> { return p; }
struct Eight { low: vec4<f32>, high: vec4<f32> }
fn low_of(e: Eight) -> vec4<f32> { return e.low; }
fn high_of(e: Eight) -> vec4<f32> { return e.high; }
