// Joins the spans of contexts that attention cut in several: y = Σ e^(mᵢ-m) vᵢ / Σ e^(mᵢ-m) sᵢ.
struct Params { heads: u32, dim4: u32, chunks: u32, spans: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

const KEYS = 64u;
const INACTIVE = 0xffffffffu;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let token = group.y;
  let head = group.x;
  if (rows[token] == INACTIVE) { return; }
  let used = (positions[token] / KEYS + params.chunks) / params.chunks;
  if (used <= 1u) { return; }
  let stride = params.dim4 + 1u;
  let base = (token * params.heads + head) * params.spans * stride;
  var high = -1e30;
  for (var s = 0u; s < used; s++) { high = max(high, parts[base + s * stride].x); }
  var sum = 0.0;
  for (var s = 0u; s < used; s++) {
    let part = parts[base + s * stride];
    sum += exp(part.x - high) * part.y;
  }
  for (var d = lane; d < params.dim4; d += LANES) {
    var value = vec4<f32>();
    for (var s = 0u; s < used; s++) {
      value += exp(parts[base + s * stride].x - high) * parts[base + s * stride + 1u + d];
    }
    y[(token * params.heads + head) * params.dim4 + d] = value / sum;
  }
}
