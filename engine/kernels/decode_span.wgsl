// What attention of decoding rows has in common: a token against a span of its context.
struct Params {
  heads: u32, kv_heads: u32, max_blocks: u32,
  // Chunks of 64 keys per span, spans per token in `parts`, and the sliding window (0: none).
  chunks: u32, spans: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
// [token][head][span]: (max, sum, 0, 0) then dim/4 unnormalised values.
@group(0) @binding(8) var<storage, read_write> parts: array<vec4<f32>>;

const KEYS = 64u;

// `single`: the context fits one span and is finished there.
struct Span { token: u32, index: u32, row: u32, position: u32, first_key: u32, single: bool, exists: bool }
fn span_of(token: u32, index: u32) -> Span {
  let row = rows[token];
  if (row == INACTIVE) { return Span(token, index, row, 0u, 0u, false, false); }
  let position = positions[token];
  let end = position / KEYS + 1u;
  let exists = index * params.chunks < end;
  return Span(token, index, row, position, first_key_of(position), end <= params.chunks, exists);
}
