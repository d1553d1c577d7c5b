enable f16;
alias W = f16;
alias W4 = vec4<f16>;
