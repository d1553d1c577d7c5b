// Random numbers without state: the draw of a token depends on seed, index in the answer and token
// id only. Philox2x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3" (SC11):
// the seed is its key, (token, index) its counter.
fn philox(key: u32, counter: vec2<u32>) -> vec2<u32> {
  var k = key;
  var c = counter;
  for (var round = 0u; round < 10u; round++) {
    let product = multiply(0xd256d193u, c.x);
    c = vec2(product.y ^ k ^ c.y, product.x);
    k += 0x9e3779b9u;
  }
  return c;
}

// The 64-bit product as (low, high).
fn multiply(a: u32, b: u32) -> vec2<u32> {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return vec2(a * b, (a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u));
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
  let u = uniform_of(philox(seed, vec2(token, index)).x);
  let series = u * (1.0 + u * (0.5 + u * (0.33333334 + u * 0.25)));
  return -log(select(-log(1.0 - u), series, u < 0.015625));
}
