// The tables both LoRA kernels read. A token's batch row has a mixture of up to 8 (slot, weight)
// entries, and a slot says per module where the adapter's rank rows lie.
@group(0) @binding(1) var<storage, read> rows: array<u32>;        // [tokens]: batch row or NONE
@group(0) @binding(2) var<storage, read> mix: array<vec2<u32>>;   // [row][8]: slot or NONE, weight
@group(0) @binding(3) var<storage, read> slots: array<vec4<u32>>; // [slot][module]: first, rank, scale

const NONE = 0xffffffffu;
const MAX_MIXTURE = 8u;

fn row_of(token: u32) -> u32 {
  return select(NONE, rows[token], token < params.tokens);
}

// The rank rows of a mixture's entry, or an empty run after the last entry.
struct RankRun { slot: u32, first: u32, rank: u32, factor: f32, end: bool }
fn rank_run(row: u32, entry: u32, place: u32) -> RankRun {
  let chosen = mix[row * MAX_MIXTURE + entry];
  if (chosen.x == NONE) { return RankRun(0u, 0u, 0u, 0.0, true); }
  let slot = slots[chosen.x * params.modules + place];
  return RankRun(chosen.x, slot.x, slot.y, bitcast<f32>(chosen.y) * bitcast<f32>(slot.z), false);
}

// Part of a word that tells mixtures of other adapters apart: 16 bits an entry.
fn packed_slot(slot: u32, entry: u32) -> vec4<u32> {
  let part = (slot + 1u) << (16u * (entry % 2u));
  return select(vec4(0u), vec4(part), vec4(0u, 1u, 2u, 3u) == vec4(entry / 2u));
}
