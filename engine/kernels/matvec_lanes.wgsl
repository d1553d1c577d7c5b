// matvec.wgsl for a CPU, where a lane of a load costs as much as a load and passing a value to other lanes
// nearly nothing: each lane has 4 rows of W to itself, and of x it loads its part for all lanes. Nothing is
// added up over lanes, so a sum goes through its columns and then its ranks, for any COLUMNS.
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(7) var<storage, read> b: array<Pair>;

fn x_of(mine: vec4<f32>, i: u32) -> Columns {
  return columns_of(subgroupShuffle(mine, i * TILE4), subgroupShuffle(mine, i * TILE4 + TILE4 - 1u));
}

struct Sums {
  a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>,
  a4: vec4<f32>, a5: vec4<f32>, a6: vec4<f32>, a7: vec4<f32>,
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = (group.y * LANES + lane) * 4u;
  let width4 = params.width4;
  let of_rows = vec4(row_at(row, 0u), row_at(row, 1u), row_at(row, 2u), row_at(row, 3u));
  let rows = tile_rows(of_rows, params.rows, width4);
  let token = group.x * COLUMNS;
  let end = params.tokens - 1u;
  let t0 = min(token, end) * width4;
  let t1 = min(token + 1u, end) * width4;
  let t2 = min(token + 2u, end) * width4;
  let t3 = min(token + 3u, end) * width4;
  let t4 = min(token + 4u, end) * width4;
  let t5 = min(token + 5u, end) * width4;
  let t6 = min(token + 6u, end) * width4;
  let t7 = min(token + 7u, end) * width4;
  var s = Sums();
  var x1 = vec4<f32>(); var x2 = vec4<f32>(); var x3 = vec4<f32>(); var x4 = vec4<f32>();
  var x5 = vec4<f32>(); var x6 = vec4<f32>(); var x7 = vec4<f32>();
  for (var first = 0u; first < width4; first += LANES) {
    let mine = min(first + lane, width4 - 1u);
    let x0 = x[t0 + mine];
    if (COLUMNS > 1u) { x1 = x[t1 + mine]; }
    if (COLUMNS > 2u) { x2 = x[t2 + mine]; x3 = x[t3 + mine]; }
    if (COLUMNS > 4u) { x4 = x[t4 + mine]; x5 = x[t5 + mine]; x6 = x[t6 + mine]; x7 = x[t7 + mine]; }
    let tiles = min(LANES, width4 - first) / TILE4;
    for (var i = 0u; i < tiles; i++) {
      let w = unpack(load(rows, first / TILE4 + i));
      s.a0 = plus(s.a0, w, x_of(x0, i));
      if (COLUMNS > 1u) { s.a1 = plus(s.a1, w, x_of(x1, i)); }
      if (COLUMNS > 2u) {
        s.a2 = plus(s.a2, w, x_of(x2, i));
        s.a3 = plus(s.a3, w, x_of(x3, i));
      }
      if (COLUMNS > 4u) {
        s.a4 = plus(s.a4, w, x_of(x4, i));
        s.a5 = plus(s.a5, w, x_of(x5, i));
        s.a6 = plus(s.a6, w, x_of(x6, i));
        s.a7 = plus(s.a7, w, x_of(x7, i));
      }
    }
  }
  s = plus_adapters(s, token, row, lane);
  var scales = Scales(vec4(1.0), vec4(1.0));
  if (NORMED) { scales = norm_scales(token, lane); }
  store(token, row, s.a0 * scales.low.x);
  if (COLUMNS > 1u) { store(token + 1u, row, s.a1 * scales.low.y); }
  if (COLUMNS > 2u) {
    store(token + 2u, row, s.a2 * scales.low.z);
    store(token + 3u, row, s.a3 * scales.low.w);
  }
  if (COLUMNS > 4u) {
    store(token + 4u, row, s.a4 * scales.high.x);
    store(token + 5u, row, s.a5 * scales.high.y);
    store(token + 6u, row, s.a6 * scales.high.z);
    store(token + 7u, row, s.a7 * scales.high.w);
  }
}
