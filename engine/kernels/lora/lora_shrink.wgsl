// h[t][m][j] = weight * scale * dot(A[j], x[t]) for the ranks j of all adapters in the mixture of
// token t's row, one after another; m is a projection of a group that shares x. LANES invocations
// work on 4 ranks of TILE tokens: those of one row share the reading of A. LISTED makes h what the
// few-token product reads: the number of ranks in the first vec4, which adapters they are of in the
// second, then per rank its h and where its row of B starts, in pairs of elements. All ranks asked for are written, also for tokens that have
// fewer: h = 0 adds nothing.
override TILE: u32 = 1u;
override LISTED: bool = false;
@group(0) @binding(5) var<storage, read> a: array<W4>;
@group(0) @binding(6) var<storage, read_write> h: array<vec4<u32>>;  // f32 bits

// Four ranks: the rows of A (in vec4s) and of B (in pairs) and what their products are multiplied by.
// Ranks beyond the last have the factor 0 and read some row in vain.
// `slots` are all adapters of the mixture in order, 16 bits each, one added.
struct Ranks { at: vec4<u32>, b_at: vec4<u32>, factor: vec4<f32>, count: u32, total: u32, slots: vec4<u32> }
fn ranks_from(first: u32, row: u32, member: u32) -> Ranks {
  let places = places_of(member);
  var found = Ranks(vec4(0u), vec4(0u), vec4(0.0), 0u, 0u, vec4(0u));
  var begin = 0u;
  if (row == NONE) { return found; }
  for (var entry = 0u; entry < MAX_MIXTURE; entry++) {
    let run = rank_run(row, entry, params.first_module + member);
    if (run.end || (!LISTED && begin >= first + 4u)) { break; }
    let rank = first + vec4(0u, 1u, 2u, 3u) - begin;
    let inside = rank < vec4(run.rank);  // ranks before the run wrap around to huge numbers
    found.at = select(found.at, (places.a_row + run.first + rank) * params.in4, inside);
    found.b_at = select(found.b_at, places.b_start + (run.first + rank) * places.out2, inside);
    found.factor = select(found.factor, vec4(run.factor), inside);
    found.count += dot(select(vec4(0u), vec4(1u), inside), vec4(1u));
    begin += run.rank;
    if (LISTED) { found.slots |= packed_slot(run.slot, entry); }
  }
  found.total = begin;
  return found;
}

fn put(token: u32, member: u32, members: u32, j4: u32, ranks: Ranks, sum: vec4<f32>) {
  let valid = vec4(0u, 1u, 2u, 3u) < vec4(ranks.count);
  let values = bitcast<vec4<u32>>(select(vec4(0.0), ranks.factor * sum, valid));
  let start = (token * members + member) * params.h4;
  if (!LISTED) {
    h[start + j4] = values;
    return;
  }
  let at = ranks.b_at;
  if (j4 == 0u) {
    h[start] = vec4(ranks.total);
    h[start + 1u] = ranks.slots;
  }
  h[start + 2u * j4 + 2u] = vec4(values.x, at.x, values.y, at.y);
  h[start + 2u * j4 + 3u] = vec4(values.z, at.z, values.w, at.w);
}

fn a_at(at: u32) -> vec4<f32> { return vec4<f32>(a[at]); }

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = group.y * TILE;
  let row = row_of(first);
  if (TILE == 4u && row == row_of(first + 1u) && row == row_of(first + 2u) && row == row_of(first + 3u)) {
    if (row == NONE) { return; }
    let ranks = ranks_from(4u * group.x, row, group.z);
    if (ranks.count == 0u) { return; }
    var sum_0 = vec4(0.0);
    var sum_1 = vec4(0.0);
    var sum_2 = vec4(0.0);
    var sum_3 = vec4(0.0);
    for (var i = lane; i < params.in4; i += LANES) {
      let a_0 = a_at(ranks.at.x + i);
      let a_1 = a_at(ranks.at.y + i);
      let a_2 = a_at(ranks.at.z + i);
      let a_3 = a_at(ranks.at.w + i);
      let x_0 = x[first * params.in4 + i];
      let x_1 = x[(first + 1u) * params.in4 + i];
      let x_2 = x[(first + 2u) * params.in4 + i];
      let x_3 = x[(first + 3u) * params.in4 + i];
      sum_0 += vec4(dot(a_0, x_0), dot(a_1, x_0), dot(a_2, x_0), dot(a_3, x_0));
      sum_1 += vec4(dot(a_0, x_1), dot(a_1, x_1), dot(a_2, x_1), dot(a_3, x_1));
      sum_2 += vec4(dot(a_0, x_2), dot(a_1, x_2), dot(a_2, x_2), dot(a_3, x_2));
      sum_3 += vec4(dot(a_0, x_3), dot(a_1, x_3), dot(a_2, x_3), dot(a_3, x_3));
    }
    let total_0 = sum4_lanes(sum_0, lane);
    let total_1 = sum4_lanes(sum_1, lane);
    let total_2 = sum4_lanes(sum_2, lane);
    let total_3 = sum4_lanes(sum_3, lane);
    if (lane == 0u) {
      put(first, group.z, groups.z, group.x, ranks, total_0);
      put(first + 1u, group.z, groups.z, group.x, ranks, total_1);
      put(first + 2u, group.z, groups.z, group.x, ranks, total_2);
      put(first + 3u, group.z, groups.z, group.x, ranks, total_3);
    }
    return;
  }
  for (var token = first; token < min(first + TILE, params.tokens); token++) {
    let its_row = rows[token];
    if (its_row == NONE && !LISTED) { continue; }
    let ranks = ranks_from(4u * group.x, its_row, group.z);
    if (ranks.count == 0u && !LISTED) { continue; }
    var sum = vec4(0.0);
    let end = select(0u, params.in4, ranks.count > 0u);
    for (var i = lane; i < end; i += LANES) {
      let value = x[token * params.in4 + i];
      sum += vec4(
        dot(a_at(ranks.at.x + i), value),
        dot(a_at(ranks.at.y + i), value),
        dot(a_at(ranks.at.z + i), value),
        dot(a_at(ranks.at.w + i), value),
      );
    }
    let total = sum4_lanes(sum, lane);
    if (lane == 0u) { put(token, group.z, groups.z, group.x, ranks, total); }
  }
}
