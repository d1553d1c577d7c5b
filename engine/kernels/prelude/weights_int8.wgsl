// A tile is 4 rows by 4 columns: a word holds 4 bytes of each row.
alias Columns = vec4<f32>;
const TILE4: u32 = 1u;
struct Tile { scales: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32> }

// The 4 bytes, each less 128, over 128. A byte b at bit p of the mantissa of 2^(16 - p) makes it
// 2^(16 - p) + b/128: no conversion from integers, which GPUs do at a fraction of their speed.
fn bytes_of(word: u32) -> vec4<f32> {
  let bits = vec4(word, word, word >> 16u, word >> 16u) & vec4(0xffu, 0xff00u, 0xffu, 0xff00u);
  let sums = bitcast<vec4<f32>>(bits | vec4(0x47800000u, 0x43800000u, 0x47800000u, 0x43800000u));
  return sums - vec4(65537.0, 257.0, 65537.0, 257.0);
}

fn columns_at(i: u32) -> Columns { return x[i]; }

fn columns_of(first: vec4<f32>, last: vec4<f32>) -> Columns { return first; }

fn unpack(p: Packed) -> Tile {
  let w = p.words;
  return Tile(scales_of(p), bytes_of(w.x), bytes_of(w.y), bytes_of(w.z), bytes_of(w.w));
}

fn times(t: Tile, v: Columns) -> vec4<f32> {
  return t.scales * vec4(dot(t.w0, v), dot(t.w1, v), dot(t.w2, v), dot(t.w3, v));
}

fn plus(a: vec4<f32>, t: Tile, v: Columns) -> vec4<f32> { return a + times(t, v); }

// 4 columns of a tile, which has TILE4 such parts: a vector for each of the 4 rows.
fn quad(t: Tile, part: u32) -> mat4x4<f32> {
  return mat4x4(t.w0 * t.scales.x, t.w1 * t.scales.y, t.w2 * t.scales.z, t.w3 * t.scales.w);
}

// Columns 4i to 4i + 3 of one row.
fn weights_at(row: u32, i: u32, count: u32, width4: u32) -> vec4<f32> {
  let p = load(tile_rows(vec4(row), count, width4), i);
  return bytes_of(p.words[row % 4u]) * scales_of(p)[row % 4u];
}
