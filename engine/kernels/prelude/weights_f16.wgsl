enable f16;
alias W = f16;
alias W4 = vec4<f16>;

// Two elements as a CPU reads them, in one load.
alias Pair = u32;
fn pair_of(p: Pair) -> vec2<f32> { return unpack2x16float(p); }
