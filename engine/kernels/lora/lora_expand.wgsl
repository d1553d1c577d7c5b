// y[t][offset_m + o] += sum over j of h[t][m][j] * B[j][o], with h from lora_shrink. An invocation
// makes 4 outputs of TILE tokens, adding up ranks in the order of the mixture; tokens of one row
// share the reading of B.
override TILE: u32 = 1u;
struct Params {
  tokens: u32, modules: u32, first_module: u32, h_stride: u32, y4: u32,
  b_start_0: u32, b_start_1: u32, b_start_2: u32,
  out4_0: u32, out4_1: u32, out4_2: u32,
  y_start_0: u32, y_start_1: u32, y_start_2: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> h: array<f32>;
@group(0) @binding(5) var<storage, read> b: array<W4>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

// One projection of the group, in vec4s: where its rows of B start, their width, its place in y.
struct Member { start: u32, width: u32, y: u32 }
fn member_of(index: u32) -> Member {
  if (index == 0u) { return Member(params.b_start_0, params.out4_0, params.y_start_0); }
  if (index == 1u) { return Member(params.b_start_1, params.out4_1, params.y_start_1); }
  return Member(params.b_start_2, params.out4_2, params.y_start_2);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(global_invocation_id) id: vec3<u32>,
) {
  let o = id.x;
  let member = member_of(group.z);
  if (o >= member.width) { return; }
  let first = group.y * TILE;
  let row = row_of(first);
  let h_step = groups.z * params.h_stride;
  if (TILE == 4u && row == row_of(first + 1u) && row == row_of(first + 2u) && row == row_of(first + 3u)) {
    if (row == NONE) { return; }
    var sum_0 = vec4(0.0);
    var sum_1 = vec4(0.0);
    var sum_2 = vec4(0.0);
    var sum_3 = vec4(0.0);
    var at = (first * groups.z + group.z) * params.h_stride;
    let begin = at;
    for (var entry = 0u; entry < MAX_MIXTURE; entry++) {
      let run = rank_run(row, entry, params.first_module + group.z);
      if (run.end) { break; }
      var b_at = member.start + run.first * member.width + o;
      for (var j = 0u; j < run.rank; j++) {
        let value = vec4<f32>(b[b_at]);
        sum_0 += h[at] * value;
        sum_1 += h[at + h_step] * value;
        sum_2 += h[at + 2u * h_step] * value;
        sum_3 += h[at + 3u * h_step] * value;
        at++;
        b_at += member.width;
      }
    }
    if (at == begin) { return; }
    let y_at = first * params.y4 + member.y + o;
    y[y_at] += sum_0;
    y[y_at + params.y4] += sum_1;
    y[y_at + 2u * params.y4] += sum_2;
    y[y_at + 3u * params.y4] += sum_3;
    return;
  }
  for (var token = first; token < min(first + TILE, params.tokens); token++) {
    let its_row = rows[token];
    if (its_row == NONE) { continue; }
    var sum = vec4(0.0);
    var at = (token * groups.z + group.z) * params.h_stride;
    let begin = at;
    for (var entry = 0u; entry < MAX_MIXTURE; entry++) {
      let run = rank_run(its_row, entry, params.first_module + group.z);
      if (run.end) { break; }
      var b_at = member.start + run.first * member.width + o;
      for (var j = 0u; j < run.rank; j++) {
        sum += h[at] * vec4<f32>(b[b_at]);
        at++;
        b_at += member.width;
      }
    }
    if (at > begin) { y[token * params.y4 + member.y + o] += sum; }
  }
}
