// Random numbers without state: the draw of a token depends on seed, index in the answer and token
// id only. `pcg4d` is the hash of Jarzynski and Olano, "Hash Functions for GPU Rendering" (JCGT
// 9(3), 2020), where it passes TestU01's BigCrush.
fn pcg4d(counter: vec4<u32>) -> vec4<u32> {
  var v = counter * 1664525u + 1013904223u;
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  v ^= v >> vec4(16u);
  v.x += v.y * v.w;
  v.y += v.z * v.x;
  v.z += v.x * v.y;
  v.w += v.y * v.z;
  return v;
}

// In (0, 1), with 24 significant bits wherever it lies: fine near 0, where a race is decided.
// Every operation is exact, so the host computes the same bits.
fn uniform_of(random: u32) -> f32 {
  let odd = random | 1u;
  let extra = 8u - min(8u, countLeadingZeros(odd));
  return f32((odd >> extra) << extra) * 2.3283064365386963e-10;
}

// -ln(-ln(1 - u)): adding it to every token's scaled logit and taking the highest draws from their
// softmax (Gumbel-max).
fn gumbel(seed: u32, index: u32, token: u32) -> f32 {
  let u = uniform_of(pcg4d(vec4(seed, index, token, 0x57656674u)).x);
  let series = u * (1.0 + u * (0.5 + u * (0.33333334 + u * 0.25)));
  return -log(select(-log(1.0 - u), series, u < 0.015625));
}
