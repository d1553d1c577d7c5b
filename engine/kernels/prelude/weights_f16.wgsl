enable f16;
alias W = f16;
alias W4 = vec4<f16>;

// Elements as a CPU reads them: a load of 32 bits costs as much as one of 16.
alias Pair = u32;
fn pair_of(p: Pair) -> vec2<f32> { return unpack2x16float(p); }
alias Eight = vec4<u32>;
fn low_of(e: Eight) -> vec4<f32> { return vec4(unpack2x16float(e.x), unpack2x16float(e.y)); }
fn high_of(e: Eight) -> vec4<f32> { return vec4(unpack2x16float(e.z), unpack2x16float(e.w)); }
