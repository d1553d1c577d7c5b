// weights_float.wgsl for f16 on a CPU, where a load of 32 bits costs as much as one of 16: a tile is 4 rows
// by 8 columns.
alias Stored = vec4<u32>;
struct Columns { low: vec4<f32>, high: vec4<f32> }
const TILE4: u32 = 2u;
alias TileRows = vec4<u32>;
struct Packed { w0: vec4<u32>, w1: vec4<u32>, w2: vec4<u32>, w3: vec4<u32> }
// Columns of 4 rows.
struct Tile {
  c0: vec4<f32>, c1: vec4<f32>, c2: vec4<f32>, c3: vec4<f32>,
  c4: vec4<f32>, c5: vec4<f32>, c6: vec4<f32>, c7: vec4<f32>,
}

fn tile_rows(rows: vec4<u32>, count: u32, width4: u32) -> TileRows {
  return min(rows, vec4(count - 1u)) * (width4 / 2u);
}

fn load(at: TileRows, i: u32) -> Packed {
  return Packed(weight[at.x + i], weight[at.y + i], weight[at.z + i], weight[at.w + i]);
}

fn columns_of(first: vec4<f32>, last: vec4<f32>) -> Columns { return Columns(first, last); }

fn unpack(p: Packed) -> Tile {
  let a0 = unpack2x16float(p.w0.x); let a1 = unpack2x16float(p.w1.x);
  let a2 = unpack2x16float(p.w2.x); let a3 = unpack2x16float(p.w3.x);
  let b0 = unpack2x16float(p.w0.y); let b1 = unpack2x16float(p.w1.y);
  let b2 = unpack2x16float(p.w2.y); let b3 = unpack2x16float(p.w3.y);
  let c0 = unpack2x16float(p.w0.z); let c1 = unpack2x16float(p.w1.z);
  let c2 = unpack2x16float(p.w2.z); let c3 = unpack2x16float(p.w3.z);
  let d0 = unpack2x16float(p.w0.w); let d1 = unpack2x16float(p.w1.w);
  let d2 = unpack2x16float(p.w2.w); let d3 = unpack2x16float(p.w3.w);
  return Tile(
    vec4(a0.x, a1.x, a2.x, a3.x), vec4(a0.y, a1.y, a2.y, a3.y),
    vec4(b0.x, b1.x, b2.x, b3.x), vec4(b0.y, b1.y, b2.y, b3.y),
    vec4(c0.x, c1.x, c2.x, c3.x), vec4(c0.y, c1.y, c2.y, c3.y),
    vec4(d0.x, d1.x, d2.x, d3.x), vec4(d0.y, d1.y, d2.y, d3.y),
  );
}

fn plus(a: vec4<f32>, t: Tile, v: Columns) -> vec4<f32> {
  let low = fma(t.c3, vec4(v.low.w), fma(t.c2, vec4(v.low.z), fma(t.c1, vec4(v.low.y), fma(t.c0, vec4(v.low.x), a))));
  return fma(t.c7, vec4(v.high.w), fma(t.c6, vec4(v.high.z), fma(t.c5, vec4(v.high.y), fma(t.c4, vec4(v.high.x), low))));
}
