// The router's input from what the host knows of each row's text and, appended to it, the token that
// the row has just drawn. Rows are padded on the right, and only the last tokens are seen.
struct Params { sequence: u32, max_tokens: u32, vocab: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> orders: array<GatherOrder>;
@group(0) @binding(2) var<storage, read> texts: array<u32>;
@group(0) @binding(3) var<storage, read> drawn: array<u32>;
@group(0) @binding(4) var<storage, read_write> input_ids: array<i32>;       // [row][sequence]
@group(0) @binding(5) var<storage, read_write> attention_mask: array<i32>;  // [row][sequence]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.sequence) { return; }
  let order = orders[id.y];
  var length = order.length;
  var last = NOTHING;
  if (order.drawn != NONE) { last = drawn[order.drawn]; }
  // FAILED and NOTHING are no tokens.
  if (last < NOTHING) { length += 1u; }
  let place = id.x + length - min(length, params.max_tokens);
  var token = NONE;
  if (place < order.length) {
    token = texts[order.start + place];
  } else if (place < length) {
    token = last;
  }
  // A token that the router has no embedding for is passed over where it stands.
  let known = token < params.vocab;
  input_ids[id.y * params.sequence + id.x] = select(0, i32(token), known);
  attention_mask[id.y * params.sequence + id.x] = select(0, 1, known);
}
