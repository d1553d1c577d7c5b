// What all kernels of attention have in common: where queries, keys and values are, and which heads a
// workgroup takes. `Params` has heads, kv_heads and the sliding window (0: none).
// Rotated q ++ (k ++ v, unused).
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> block_tables: array<u32>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;

// Query heads of one key-value head; several such groups where it serves more.
override GROUP: u32 = 8u;
override DIM4: u32 = 32u;
const BLOCK = 16u;
const INACTIVE = 0xffffffffu;
const LOWEST = -1e30;

struct HeadGroup { kv_head: u32, head: u32, heads: u32 }
fn head_group(index: u32) -> HeadGroup {
  let per_kv = params.heads / params.kv_heads;
  let groups = (per_kv + GROUP - 1u) / GROUP;
  let kv_head = index / groups;
  let head = kv_head * per_kv + (index % groups) * GROUP;
  return HeadGroup(kv_head, head, min(GROUP, (kv_head + 1u) * per_kv - head));
}

fn first_key_of(position: u32) -> u32 {
  return select(0u, position + 1u - params.window, params.window > 0u && position >= params.window);
}
