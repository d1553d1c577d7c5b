// For every token and head of x = q ++ k ++ v: normalise (Qwen3), rotate, and store. q is rotated in
// place; k and v go to the token's slot of the paged cache `[block][kv head][16][dim]`.
struct Params { heads: u32, kv_heads: u32, dim4: u32, max_blocks: u32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> block_tables: array<u32>;
// [position][cos dim/2 ++ sin dim/2]
@group(0) @binding(5) var<storage, read> rotation: array<vec4<f32>>;
// q's weight ++ k's weight
@group(0) @binding(6) var<storage, read> head_norm: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> k_cache: array<W4>;
@group(0) @binding(8) var<storage, read_write> v_cache: array<W4>;

override HEAD_NORM: bool = false;
const BLOCK = 16u;
const INACTIVE = 0xffffffffu;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let token = group.y;
  let head = group.x;
  let row = rows[token];
  if (row == INACTIVE) { return; }
  let dim4 = params.dim4;
  let half4 = dim4 / 2u;
  let base = (token * (params.heads + 2u * params.kv_heads) + head) * dim4;
  let position = positions[token];
  let block = block_tables[row * params.max_blocks + position / BLOCK];
  let is_query = head < params.heads;
  let kv_head = select((head - params.heads) % params.kv_heads, 0u, is_query);
  let slot = ((block * params.kv_heads + kv_head) * BLOCK + position % BLOCK) * dim4;

  if (head >= params.heads + params.kv_heads) {
    for (var i = lane; i < dim4; i += LANES) { v_cache[slot + i] = W4(x[base + i]); }
    return;
  }
  var scale = 1.0;
  if (HEAD_NORM) {
    var squares = 0.0;
    for (var i = lane; i < dim4; i += LANES) {
      let value = x[base + i];
      squares += dot(value, value);
    }
    scale = inverseSqrt(sum_lanes(squares, lane) / f32(dim4 * 4u) + params.eps);
  }
  let norm = select(dim4, 0u, is_query);
  for (var i = lane; i < half4; i += LANES) {
    var low = x[base + i];
    var high = x[base + half4 + i];
    if (HEAD_NORM) {
      low *= scale * head_norm[norm + i];
      high *= scale * head_norm[norm + half4 + i];
    }
    let cosine = rotation[position * dim4 + i];
    let sine = rotation[position * dim4 + half4 + i];
    let rotated_low = low * cosine - high * sine;
    let rotated_high = high * cosine + low * sine;
    if (is_query) {
      x[base + i] = rotated_low;
      x[base + half4 + i] = rotated_high;
    } else {
      k_cache[slot + i] = W4(rotated_low);
      k_cache[slot + half4 + i] = W4(rotated_high);
    }
  }
}
