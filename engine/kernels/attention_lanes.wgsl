// attention.wgsl for a CPU: the queries are a token's, of GROUP heads.
struct Place { span: Span, head: u32, heads: u32 }

fn query(place: Place, i: u32, d: u32) -> vec4<f32> {
  let head = place.head + min(i, place.heads - 1u);
  return x[(place.span.token * (params.heads + 2u * params.kv_heads) + head) * DIM4 + d];
}

fn seen(place: Place, score: Each, key: u32) -> Each {
  let visible = key <= place.span.position && key >= place.span.first_key;
  return Each(
    select(vec4(LOWEST), score.low * params.scale, visible),
    select(vec4(LOWEST), score.high * params.scale, visible),
  );
}

fn put(place: Place, i: u32, v: Octet, highest: f32, sum: f32, lane: u32) {
  let d = 2u * lane;
  if (i >= place.heads || d >= DIM4) { return; }
  let row = place.span.token * params.heads + place.head + i;
  if (place.span.single) {
    y[row * DIM4 + d] = v.low / sum;
    y[row * DIM4 + d + 1u] = v.high / sum;
  } else {
    let at = (row * params.spans + place.span.index) * (DIM4 + 1u);
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
  let span = span_of(group.y, group.z);
  if (!span.exists) { return; }
  let heads = head_group(group.x);
  let begin = span.index * params.chunks * KEYS;
  attend(
    Place(span, heads.head, heads.heads), span.row * params.max_blocks, heads.kv_head,
    max(begin, span.first_key),
    min(begin + params.chunks * KEYS, span.position + 1u),
    lane,
  );
}
