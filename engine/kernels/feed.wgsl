// The next input of decoding rows, from what was drawn last: token, position and batch row, the
// latter 0xffffffff where the row idles.
@group(0) @binding(1) var<storage, read> sampled: array<u32>;
@group(0) @binding(2) var<storage, read> states: array<RowState>;
@group(0) @binding(3) var<storage, read_write> tokens: array<u32>;
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> rows: array<u32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3<u32>) {
  let i = group.x;
  let row = sampled[i];
  let state = states[row];
  tokens[i] = state.token;
  positions[i] = state.position;
  rows[i] = select(0xffffffffu, row, state.running != 0u);
}
