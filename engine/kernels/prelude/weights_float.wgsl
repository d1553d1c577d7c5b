// A matrix in f16 or f32, row-major. A tile is 4 rows by 4 columns; rows past the last repeat it.
alias Stored = W4;
// What a tile's columns meet: as many elements of a token's vector in x, which is in vec4s.
alias Columns = vec4<f32>;
const TILE4: u32 = 1u;
struct TileRows { r0: u32, r1: u32, r2: u32, r3: u32 }
struct Packed { w0: W4, w1: W4, w2: W4, w3: W4 }
struct Tile { w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32> }

fn tile_rows(rows: vec4<u32>, count: u32, width4: u32) -> TileRows {
  let at = min(rows, vec4(count - 1u)) * width4;
  return TileRows(at.x, at.y, at.z, at.w);
}

fn load(at: TileRows, i: u32) -> Packed {
  return Packed(weight[at.r0 + i], weight[at.r1 + i], weight[at.r2 + i], weight[at.r3 + i]);
}

fn columns_at(i: u32) -> Columns { return x[i]; }

fn columns_of(first: vec4<f32>, last: vec4<f32>) -> Columns { return first; }

fn unpack(p: Packed) -> Tile {
  return Tile(vec4<f32>(p.w0), vec4<f32>(p.w1), vec4<f32>(p.w2), vec4<f32>(p.w3));
}

fn times(t: Tile, v: Columns) -> vec4<f32> {
  return vec4(dot(t.w0, v), dot(t.w1, v), dot(t.w2, v), dot(t.w3, v));
}

fn plus(a: vec4<f32>, t: Tile, v: Columns) -> vec4<f32> { return a + times(t, v); }

// 4 columns of a tile, which has TILE4 such parts: a vector for each of the 4 rows.
fn quad(t: Tile, part: u32) -> mat4x4<f32> { return mat4x4(t.w0, t.w1, t.w2, t.w3); }

// Columns 4i to 4i + 3 of one row.
fn weights_at(row: u32, i: u32, count: u32, width4: u32) -> vec4<f32> {
  return vec4<f32>(weight[row * width4 + i]);
}
