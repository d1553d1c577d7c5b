// A tile is 4 rows by 8 columns: a word holds 8 nibbles of each row.
struct Columns { low: vec4<f32>, high: vec4<f32> }
const TILE4: u32 = 2u;
struct Tile {
  scales: vec4<f32>,
  a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>,
  b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>,
}

// The 4 low nibbles, each less 8, over 8. A nibble n at bit p of the mantissa of 2^(20 - p) makes it
// 2^(20 - p) + n/8: no conversion from integers, which GPUs do at a fraction of their speed.
fn nibbles_of(word: u32) -> vec4<f32> {
  let bits = vec4(word) & vec4(0xfu, 0xf0u, 0xf00u, 0xf000u);
  let sums = bitcast<vec4<f32>>(bits | vec4(0x49800000u, 0x47800000u, 0x45800000u, 0x43800000u));
  return sums - vec4(1048577.0, 65537.0, 4097.0, 257.0);
}

fn columns_at(i: u32) -> Columns { return Columns(x[2u * i], x[2u * i + 1u]); }

fn columns_of(first: vec4<f32>, last: vec4<f32>) -> Columns { return Columns(first, last); }

fn unpack(p: Packed) -> Tile {
  let low = p.words;
  let high = low >> vec4(16u);
  return Tile(
    scales_of(p),
    nibbles_of(low.x), nibbles_of(low.y), nibbles_of(low.z), nibbles_of(low.w),
    nibbles_of(high.x), nibbles_of(high.y), nibbles_of(high.z), nibbles_of(high.w),
  );
}

fn times(t: Tile, v: Columns) -> vec4<f32> {
  let low = vec4(dot(t.a0, v.low), dot(t.a1, v.low), dot(t.a2, v.low), dot(t.a3, v.low));
  let high = vec4(dot(t.b0, v.high), dot(t.b1, v.high), dot(t.b2, v.high), dot(t.b3, v.high));
  return t.scales * (low + high);
}

fn plus(a: vec4<f32>, t: Tile, v: Columns) -> vec4<f32> { return a + times(t, v); }

// 4 columns of a tile, which has TILE4 such parts: a vector for each of the 4 rows.
fn quad(t: Tile, part: u32) -> mat4x4<f32> {
  if (part == 0u) {
    return mat4x4(t.a0 * t.scales.x, t.a1 * t.scales.y, t.a2 * t.scales.z, t.a3 * t.scales.w);
  }
  return mat4x4(t.b0 * t.scales.x, t.b1 * t.scales.y, t.b2 * t.scales.z, t.b3 * t.scales.w);
}

// Columns 4i to 4i + 3 of one row.
fn weights_at(row: u32, i: u32, count: u32, width4: u32) -> vec4<f32> {
  let p = load(tile_rows(vec4(row), count, width4), i / 2u);
  return nibbles_of(p.words[row % 4u] >> (16u * (i % 2u))) * scales_of(p)[row % 4u];
}
