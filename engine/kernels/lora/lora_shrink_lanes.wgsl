// lora_shrink.wgsl with LISTED for a CPU (see ../matvec_lanes.wgsl): each lane has a rank of 4
// tokens, and of x it loads its part for all lanes. Where the tokens have the same adapters, A is read once.
const TILE = 4u;
@group(0) @binding(5) var<storage, read> a: array<Eight>;
@group(0) @binding(6) var<storage, read_write> h: array<vec2<u32>>;  // f32 bits, pair of B

// A lane's rank: its row of A (in 8 elements), its row of B (in pairs), what the product is multiplied by
// (0 beyond the last rank, where some row is read in vain), how many ranks there are, and the adapters.
struct Rank { at: u32, b_at: u32, factor: f32, total: u32, slots: vec4<u32> }
fn rank_of(j: u32, at_token: u32, member: u32) -> Rank {
  let places = places_of(member);
  let row = row_of(min(at_token, params.tokens - 1u));
  var found = Rank(0u, 0u, 0.0, 0u, vec4(0u));
  if (row == NONE) { return found; }
  for (var entry = 0u; entry < MAX_MIXTURE; entry++) {
    let run = rank_run(row, entry, params.first_module + member);
    if (run.end) { break; }
    let rank = j - found.total;  // of a rank before the run this is huge
    let inside = rank < run.rank;
    found.at = select(found.at, (places.a_row + run.first + rank) * (params.in4 / 2u), inside);
    found.b_at = select(found.b_at, places.b_start + (run.first + rank) * places.out2, inside);
    found.factor = select(found.factor, run.factor, inside);
    found.total += run.rank;
    found.slots |= packed_slot(run.slot, entry);
  }
  return found;
}

fn plus(sum: vec4<f32>, row: Eight, mine: vec4<f32>, i: u32) -> vec4<f32> {
  let low = fma(low_of(row), subgroupShuffle(mine, 2u * i), sum);
  return fma(high_of(row), subgroupShuffle(mine, 2u * i + 1u), low);
}

fn put(token: u32, j: u32, member: u32, members: u32, rank: Rank, sum: vec4<f32>) {
  let length = 2u * params.h4;
  if (token >= params.tokens || j + 4u >= length) { return; }
  let start = (token * members + member) * length;
  let value = select(0.0, rank.factor * (sum.x + sum.y + sum.z + sum.w), j < rank.total);
  if (j == 0u) {
    h[start] = vec2(rank.total, 0u);
    h[start + 2u] = rank.slots.xy;
    h[start + 3u] = rank.slots.zw;
  }
  h[start + 4u + j] = vec2(bitcast<u32>(value), rank.b_at);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let j = group.x * LANES + lane;
  let member = group.z;
  let token = group.y * TILE;
  let end = params.tokens - 1u;
  let in4 = params.in4;
  let r0 = rank_of(j, token, member);
  let r1 = rank_of(j, token + 1u, member);
  let r2 = rank_of(j, token + 2u, member);
  let r3 = rank_of(j, token + 3u, member);
  var s0 = vec4<f32>(); var s1 = vec4<f32>(); var s2 = vec4<f32>(); var s3 = vec4<f32>();
  let same = subgroupAll(r1.at == r0.at && r2.at == r0.at && r3.at == r0.at);
  // Loops rather than branches: a CPU's lanes go through both sides of a branch.
  for (var first = 0u; first < select(0u, in4, same); first += LANES) {
    let mine = min(first + lane, in4 - 1u);
    let x0 = x[token * in4 + mine];
    let x1 = x[min(token + 1u, end) * in4 + mine];
    let x2 = x[min(token + 2u, end) * in4 + mine];
    let x3 = x[min(token + 3u, end) * in4 + mine];
    for (var i = 0u; i < min(LANES, in4 - first) / 2u; i++) {
      let row = a[r0.at + first / 2u + i];
      s0 = plus(s0, row, x0, i);
      s1 = plus(s1, row, x1, i);
      s2 = plus(s2, row, x2, i);
      s3 = plus(s3, row, x3, i);
    }
  }
  for (var c = 0u; c < select(min(TILE, params.tokens - token), 0u, same); c++) {
    let at = select(select(select(r3.at, r2.at, c == 2u), r1.at, c == 1u), r0.at, c == 0u);
    var sum = vec4<f32>();
    for (var first = 0u; first < in4; first += LANES) {
      let value = x[(token + c) * in4 + min(first + lane, in4 - 1u)];
      for (var i = 0u; i < min(LANES, in4 - first) / 2u; i++) {
        sum = plus(sum, a[at + first / 2u + i], value, i);
      }
    }
    s0 = select(s0, sum, c == 0u);
    s1 = select(s1, sum, c == 1u);
    s2 = select(s2, sum, c == 2u);
    s3 = select(s3, sum, c == 3u);
  }
  put(token, j, member, groups.z, r0, s0);
  put(token + 1u, j, member, groups.z, r1, s1);
  put(token + 2u, j, member, groups.z, r2, s2);
  put(token + 3u, j, member, groups.z, r3, s3);
}
