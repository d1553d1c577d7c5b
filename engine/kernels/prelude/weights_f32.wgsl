alias W = f32;
alias W4 = vec4<f32>;
