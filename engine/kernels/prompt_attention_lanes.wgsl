// prompt_attention.wgsl for a CPU: the queries are those of a run of tokens, of GROUP heads.
struct Place {
  run: Run, head: u32, heads: u32,
  // Of each query's token.
  positions_low: vec4<u32>, positions_high: vec4<u32>,
}

fn query(place: Place, i: u32, d: u32) -> vec4<f32> {
  let head = place.head + min(i % GROUP, place.heads - 1u);
  return x[(token_of(place.run, i) * (params.heads + 2u * params.kv_heads) + head) * DIM4 + d];
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
  if (i % GROUP >= place.heads || i / GROUP >= place.run.count || d >= DIM4) { return; }
  let row = (place.run.first + i / GROUP) * params.heads + place.head + i % GROUP;
  y[row * DIM4 + d] = v.low / sum;
  y[row * DIM4 + d + 1u] = v.high / sum;
}

fn positions_from(run: Run, i: u32) -> vec4<u32> {
  return vec4(
    positions[token_of(run, i)],
    positions[token_of(run, i + 1u)],
    positions[token_of(run, i + 2u)],
    positions[token_of(run, i + 3u)],
  );
}

fn attend_run(run: Run, group: HeadGroup, lane: u32) {
  let place = Place(run, group.head, group.heads, positions_from(run, 0u), positions_from(run, 4u));
  let end = positions[run.first + run.count - 1u] + 1u;
  attend(place, run.row * params.max_blocks, group.kv_head, first_key_of(positions[run.first]), end, lane);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  attend_tile(group.y, head_group(group.x), lane);
}
