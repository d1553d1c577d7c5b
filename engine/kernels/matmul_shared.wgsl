// The same sums as matmul.wgsl, term by term, for more tokens: a workgroup computes 8 · ACROSS rows by
// 8 · DOWN tokens from stretches of the width that it keeps in workgroup memory, an invocation two
// vec4s of rows by two of tokens. Needs a whole number of vec4s of rows.
struct Params { rows: u32, width4: u32, tokens: u32, stride: u32, first: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

override ACCUMULATE: bool = false;
override HAS_BIAS: bool = false;
// Invocations of a workgroup along rows and along tokens.
override ACROSS: u32 = 8u;
override DOWN: u32 = 8u;
// Quads (4 columns) of a stretch.
override QUADS: u32 = 4u;

// [column][rows / 4] and [column][tokens / 4]; the odd length spreads columns over the banks.
var<workgroup> some_w: array<vec4<f32>, 4u * QUADS * (2u * ACROSS + 1u)>;
var<workgroup> some_x: array<vec4<f32>, 4u * QUADS * (2u * DOWN + 1u)>;

fn fetch_weights(first_row: u32, first_quad: u32, local: u32) {
  let length = 2u * ACROSS + 1u;
  let tiles = QUADS / TILE4;
  let last = params.width4 / TILE4 - 1u;
  for (var i = local; i < 2u * ACROSS * tiles; i += ACROSS * DOWN) {
    let row = first_row + i / tiles * 4u;
    let at = tile_rows(vec4(row, row + 1u, row + 2u, row + 3u), params.rows, params.width4);
    let tile = unpack(load(at, min(first_quad / TILE4 + i % tiles, last)));
    for (var part = 0u; part < TILE4; part++) {
      let columns = transpose(quad(tile, part));
      let to = 4u * (i % tiles * TILE4 + part) * length + i / tiles;
      some_w[to] = columns[0];
      some_w[to + length] = columns[1];
      some_w[to + 2u * length] = columns[2];
      some_w[to + 3u * length] = columns[3];
    }
  }
}

// Nothing beyond the width, so that what is fetched there of the weights adds nothing.
fn quad_of_x(token: u32, quad: u32) -> vec4<f32> {
  let at = min(token, params.tokens - 1u) * params.width4 + min(quad, params.width4 - 1u);
  return select(vec4(0.0), x[at], quad < params.width4);
}

fn fetch_tokens(first_token: u32, first_quad: u32, local: u32) {
  let length = 2u * DOWN + 1u;
  for (var i = local; i < 2u * DOWN * QUADS; i += ACROSS * DOWN) {
    let token = first_token + i / QUADS * 4u;
    let column4 = first_quad + i % QUADS;
    let columns = transpose(mat4x4(
      quad_of_x(token, column4),
      quad_of_x(token + 1u, column4),
      quad_of_x(token + 2u, column4),
      quad_of_x(token + 3u, column4),
    ));
    let to = 4u * (i % QUADS) * length + i / QUADS;
    some_x[to] = columns[0];
    some_x[to + length] = columns[1];
    some_x[to + 2u * length] = columns[2];
    some_x[to + 3u * length] = columns[3];
  }
}

// Four rows of eight tokens, and the other four.
struct Sums {
  a0: vec4<f32>, a1: vec4<f32>, a2: vec4<f32>, a3: vec4<f32>,
  a4: vec4<f32>, a5: vec4<f32>, a6: vec4<f32>, a7: vec4<f32>,
  b0: vec4<f32>, b1: vec4<f32>, b2: vec4<f32>, b3: vec4<f32>,
  b4: vec4<f32>, b5: vec4<f32>, b6: vec4<f32>, b7: vec4<f32>,
}

fn add_column(s: Sums, column: u32, across: u32, down: u32) -> Sums {
  let at_w = column * (2u * ACROSS + 1u) + across;
  let at_x = column * (2u * DOWN + 1u) + down;
  let a = some_w[at_w];
  let b = some_w[at_w + ACROSS];
  let low = some_x[at_x];
  let high = some_x[at_x + DOWN];
  return Sums(
    fma(a, vec4(low.x), s.a0), fma(a, vec4(low.y), s.a1),
    fma(a, vec4(low.z), s.a2), fma(a, vec4(low.w), s.a3),
    fma(a, vec4(high.x), s.a4), fma(a, vec4(high.y), s.a5),
    fma(a, vec4(high.z), s.a6), fma(a, vec4(high.w), s.a7),
    fma(b, vec4(low.x), s.b0), fma(b, vec4(low.y), s.b1),
    fma(b, vec4(low.z), s.b2), fma(b, vec4(low.w), s.b3),
    fma(b, vec4(high.x), s.b4), fma(b, vec4(high.y), s.b5),
    fma(b, vec4(high.z), s.b6), fma(b, vec4(high.w), s.b7),
  );
}

fn store(token: u32, row4: u32, value: vec4<f32>) {
  if (4u * row4 >= params.rows || token >= params.tokens) { return; }
  let out = params.first / 4u + row4;
  let at = token * (params.stride / 4u) + out;
  var total = value;
  if (HAS_BIAS) { total += bias[out]; }
  if (ACCUMULATE) { total += y[at]; }
  y[at] = total;
}

fn store4(token: u32, row4: u32, t0: vec4<f32>, t1: vec4<f32>, t2: vec4<f32>, t3: vec4<f32>) {
  store(token, row4, t0);
  store(token + 1u, row4, t1);
  store(token + 2u, row4, t2);
  store(token + 3u, row4, t3);
}

@compute @workgroup_size(ACROSS, DOWN)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) id: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = group.x * 8u * ACROSS;
  let token = group.y * 8u * DOWN;
  var s = Sums();
  for (var quad = 0u; quad < params.width4; quad += QUADS) {
    workgroupBarrier();
    fetch_weights(row, quad, local);
    fetch_tokens(token, quad, local);
    workgroupBarrier();
    for (var column = 0u; column < 4u * QUADS; column += 4u) {
      s = add_column(s, column, id.x, id.y);
      s = add_column(s, column + 1u, id.x, id.y);
      s = add_column(s, column + 2u, id.x, id.y);
      s = add_column(s, column + 3u, id.x, id.y);
    }
  }
  let row4 = row / 4u + id.x;
  let first = token + 4u * id.y;
  store4(first, row4, s.a0, s.a1, s.a2, s.a3);
  store4(first + 4u * DOWN, row4, s.a4, s.a5, s.a6, s.a7);
  store4(first, row4 + ACROSS, s.b0, s.b1, s.b2, s.b3);
  store4(first + 4u * DOWN, row4 + ACROSS, s.b4, s.b5, s.b6, s.b7);
}
