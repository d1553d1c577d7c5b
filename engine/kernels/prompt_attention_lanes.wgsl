// prompt_attention.wgsl for a CPU: the queries are those of TILE tokens that follow each other, of GROUP heads.
struct Params {
  heads: u32, kv_heads: u32, max_blocks: u32,
  tokens: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> block_tables: array<u32>;
@group(0) @binding(5) var<storage, read> k_cache: array<Eight>;
@group(0) @binding(6) var<storage, read> v_cache: array<Eight>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;

override GROUP: u32 = 8u;
override TILE: u32 = 1u;

// Query i is head i % GROUP of the tile's token i / GROUP.
struct Place {
  first: u32, count: u32, head: u32, heads: u32,
  // Of each query's token.
  positions_low: vec4<u32>, positions_high: vec4<u32>,
}

fn token_of(first: u32, count: u32, i: u32) -> u32 { return first + min(i / GROUP, count - 1u); }

fn query(place: Place, i: u32, d: u32) -> vec4<f32> {
  let token = token_of(place.first, place.count, i);
  let head = place.head + min(i % GROUP, place.heads - 1u);
  return x[(token * (params.heads + 2u * params.kv_heads) + head) * DIM4 + d];
}

fn is_visible(positions: vec4<u32>, key: u32) -> vec4<bool> {
  let is_past = vec4(key) <= positions;
  let is_near = positions - key < vec4(params.window);
  return is_past & (is_near | vec4(params.window == 0u));
}

fn seen(place: Place, score: Each, key: u32) -> Each {
  return Each(
    select(vec4(LOWEST), score.low * params.scale, is_visible(place.positions_low, key)),
    select(vec4(LOWEST), score.high * params.scale, is_visible(place.positions_high, key)),
  );
}

fn put(place: Place, i: u32, v: Octet, highest: f32, sum: f32, lane: u32) {
  let d = 2u * lane;
  if (i % GROUP >= place.heads || i / GROUP >= place.count || d >= DIM4) { return; }
  let row = (place.first + i / GROUP) * params.heads + place.head + i % GROUP;
  y[row * DIM4 + d] = v.low / sum;
  y[row * DIM4 + d + 1u] = v.high / sum;
}

fn positions_from(first: u32, count: u32, i: u32) -> vec4<u32> {
  return vec4(
    positions[token_of(first, count, i)],
    positions[token_of(first, count, i + 1u)],
    positions[token_of(first, count, i + 2u)],
    positions[token_of(first, count, i + 3u)],
  );
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let per_kv = params.heads / params.kv_heads;
  let groups = (per_kv + GROUP - 1u) / GROUP;
  let kv_head = group.x / groups;
  let head = kv_head * per_kv + (group.x % groups) * GROUP;
  let heads = min(GROUP, (kv_head + 1u) * per_kv - head);

  // A tile may hold the end of one prompt and the beginning of another.
  let end = min((group.y + 1u) * TILE, params.tokens);
  var first = group.y * TILE;
  while (first < end) {
    let row = rows[first];
    var count = 1u;
    while (first + count < end && rows[min(first + count, end - 1u)] == row) { count++; }
    if (row != INACTIVE) {
      let begin = positions[first];
      let first_key = select(0u, begin + 1u - params.window, params.window > 0u && begin >= params.window);
      let low = positions_from(first, count, 0u);
      let high = positions_from(first, count, 4u);
      let place = Place(first, count, head, heads, low, high);
      attend(place, row * params.max_blocks, kv_head, first_key, positions[first + count - 1u] + 1u, lane);
    }
    first += count;
  }
}
