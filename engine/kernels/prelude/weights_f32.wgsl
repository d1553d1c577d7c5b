alias W = f32;
alias W4 = vec4<f32>;
alias Pair = vec2<f32>;
fn pair_of(p: Pair) -> vec2<f32> { return p; }
