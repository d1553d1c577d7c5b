// Ordering logits, and finding a row's highest by one workgroup.

// Keys order as the floats do; -0 equals 0, and NaN is above everything.
const KEY_NAN = 0xffffffffu;
const KEY_INFINITY = 0xff800000u;
const KEY_MINUS_INFINITY = 0x007fffffu;
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude == 0u) { return 0x80000000u; }
  if (magnitude > 0x7f800000u) { return KEY_NAN; }
  return select(bits | 0x80000000u, ~bits, bits > 0x7fffffffu);
}
fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key > 0x7fffffffu));
}

// The best of a workgroup's (key, id): highest key, then lowest id. Every invocation must call it,
// once per slot. Zeroed memory is the right start, so ids are kept inverted.
override WORKGROUP: u32 = 64u;
var<workgroup> best_key: array<atomic<u32>, 2>;
var<workgroup> best_id: array<atomic<u32>, 2>;
var<workgroup> best_found: vec2<u32>;
fn workgroup_best(slot: u32, key: u32, id: u32, lane: u32) -> vec2<u32> {
  if (key > 0u) { atomicMax(&best_key[slot], key); }
  workgroupBarrier();
  let top = atomicLoad(&best_key[slot]);
  if (key == top) { atomicMax(&best_id[slot], ~id); }
  workgroupBarrier();
  if (lane == 0u) { best_found = vec2(top, ~atomicLoad(&best_id[slot])); }
  return workgroupUniformLoad(&best_found);
}

// The `rank`-th highest (from 1) of the invocations' keys; ties count once each. At least `rank`
// elements of a row are as high, so its `rank`-th highest element is, too: in any usual order
// hardly more elements pass this bar than are wanted. Call at most once.
var<workgroup> lane_keys: array<u32, WORKGROUP>;
var<workgroup> lane_bar: u32;
fn bar_of_lanes(key: u32, rank: u32, lane: u32) -> u32 {
  lane_keys[lane] = key;
  workgroupBarrier();
  var above = 0u;
  for (var other = 0u; other < WORKGROUP; other++) {
    let its = lane_keys[other];
    above += select(0u, 1u, its > key || (its == key && other < lane));
  }
  if (above + 1u == rank) { lane_bar = key; }
  return workgroupUniformLoad(&lane_bar);
}

// Tokens worth a closer look, (key, id) in no particular order. When more pass the bar than fit,
// `listed` says so and the list is of no use.
override LIST: u32 = 1024u;
var<workgroup> list: array<vec2<u32>, LIST>;
var<workgroup> list_length: atomic<u32>;
var<workgroup> list_found: u32;
fn list_add(key: u32, id: u32) {
  let at = atomicAdd(&list_length, 1u);
  if (at < LIST) { list[at] = vec2(key, id); }
}
fn listed(lane: u32) -> u32 {
  workgroupBarrier();
  if (lane == 0u) { list_found = atomicLoad(&list_length); }
  return workgroupUniformLoad(&list_found);
}
