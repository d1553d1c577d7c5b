// attention.wgsl for a CPU: the queries are a token's, of GROUP heads.
struct Params {
  heads: u32, kv_heads: u32, dim4: u32, max_blocks: u32,
  chunks: u32, spans: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> block_tables: array<u32>;
@group(0) @binding(5) var<storage, read> k_cache: array<Eight>;
@group(0) @binding(6) var<storage, read> v_cache: array<Eight>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> parts: array<vec4<f32>>;

override GROUP: u32 = 8u;
const KEYS = 64u;

struct Place {
  token: u32, head: u32, heads: u32,
  position: u32, first_key: u32,
  span: u32, single: bool,
}

fn query(place: Place, i: u32, d: u32) -> vec4<f32> {
  let head = place.head + min(i, place.heads - 1u);
  return x[(place.token * (params.heads + 2u * params.kv_heads) + head) * DIM4 + d];
}

fn seen(place: Place, score: Each, key: u32) -> Each {
  let visible = key <= place.position && key >= place.first_key;
  return Each(
    select(vec4(LOWEST), score.low * params.scale, visible),
    select(vec4(LOWEST), score.high * params.scale, visible),
  );
}

fn put(place: Place, i: u32, v: Octet, highest: f32, sum: f32, lane: u32) {
  let d = 2u * lane;
  if (i >= place.heads || d >= DIM4) { return; }
  let row = place.token * params.heads + place.head + i;
  if (place.single) {
    y[row * DIM4 + d] = v.low / sum;
    y[row * DIM4 + d + 1u] = v.high / sum;
  } else {
    let at = (row * params.spans + place.span) * (DIM4 + 1u);
    parts[at + 1u + d] = v.low;
    parts[at + 2u + d] = v.high;
    if (lane == 0u) { parts[at] = vec4(highest, sum, 0.0, 0.0); }
  }
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let token = group.y;
  let span = group.z;
  let row = rows[token];
  if (row == INACTIVE) { return; }
  let position = positions[token];
  let end = position / KEYS + 1u;
  if (span * params.chunks >= end) { return; }
  let first_key = select(0u, position + 1u - params.window, params.window > 0u && position >= params.window);

  let per_kv = params.heads / params.kv_heads;
  let groups = (per_kv + GROUP - 1u) / GROUP;
  let kv_head = group.x / groups;
  let head = kv_head * per_kv + (group.x % groups) * GROUP;
  let heads = min(GROUP, (kv_head + 1u) * per_kv - head);
  let place = Place(token, head, heads, position, first_key, span, end <= params.chunks);
  attend(
    place, row * params.max_blocks, kv_head,
    max(span * params.chunks * KEYS, first_key),
    min((span + 1u) * params.chunks * KEYS, position + 1u),
    lane,
  );
}
