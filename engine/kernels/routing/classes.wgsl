// Reading and ordering the classes of one row by a workgroup, for `select`, which has the bindings.

override WORKGROUP: u32 = 64u;
const LOWEST = -3.4028234663852886e38;

// Scaled logits of the classes that are on. An invocation reads only those that it wrote.
var<workgroup> values: array<f32, 1024>;

fn is_on(class_index: u32) -> bool { return class_slots[class_index] != SLOT_OFF; }

// By its bits: compilers may take for granted that no float is NaN or infinite.
fn is_finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }

// One value for all from one each; every invocation must call these.
var<workgroup> partial_sums: array<vec4<f32>, WORKGROUP>;
fn workgroup_max(value: f32, lane: u32) -> f32 {
  let highest = max_lanes(value, lane);
  if (lane % LANES == 0u) { partial_sums[lane / LANES].x = highest; }
  workgroupBarrier();
  var result = partial_sums[0].x;
  for (var i = 1u; i < WORKGROUP / LANES; i++) { result = max(result, partial_sums[i].x); }
  workgroupBarrier();
  return result;
}
fn workgroup_sum(value: vec4<f32>, lane: u32) -> vec4<f32> {
  let sum = sum4_lanes(value, lane);
  if (lane % LANES == 0u) { partial_sums[lane / LANES] = sum; }
  workgroupBarrier();
  var result = partial_sums[0];
  for (var i = 1u; i < WORKGROUP / LANES; i++) { result += partial_sums[i]; }
  workgroupBarrier();
  return result;
}

// Fills `values`; false where one of them is not finite.
var<workgroup> readable: u32;
fn read_values(at: u32, lane: u32) -> bool {
  var bad = 0.0;
  for (var c = lane; c < params.classes + params.prototypes; c += WORKGROUP) {
    if (!is_on(c)) { continue; }
    var value: f32;
    if (c < params.classes) {
      value = logits[at * params.classes + c];
      // What was read, and below what became of it: the temperature can make it infinite.
      if (!is_finite(value)) { bad = 1.0; }
      value *= params.inverse_temperature;
    } else {
      value = prototype_logits[at * params.prototypes + c - params.classes];
    }
    if (!is_finite(value)) { bad = 1.0; }
    values[c] = value;
  }
  let worst = workgroup_max(bad, lane);
  if (lane == 0u) { readable = select(0u, 1u, worst == 0.0); }
  return workgroupUniformLoad(&readable) != 0u;
}

// The next class in the order of falling value and rising index, NONE after the last.
struct Found { class_index: u32, value: f32 }
var<workgroup> found: Found;
fn next_after(last: Found, lane: u32) -> Found {
  const NOBODY = 2048u;
  var mine = Found(NOBODY, LOWEST);
  for (var c = lane; c < params.classes + params.prototypes; c += WORKGROUP) {
    if (!is_on(c)) { continue; }
    let value = values[c];
    let after = last.class_index == NONE || value < last.value ||
      (value == last.value && c > last.class_index);
    if (after && (mine.class_index == NOBODY || value > mine.value)) { mine = Found(c, value); }
  }
  let top = workgroup_max(mine.value, lane);
  // Indices are small enough to be exact as floats.
  let best = -workgroup_max(-f32(select(NOBODY, mine.class_index, mine.value == top)), lane);
  if (lane == 0u) { found = Found(select(u32(best), NONE, u32(best) == NOBODY), top); }
  return workgroupUniformLoad(&found);
}

// A class's probability in units of the likeliest's.
fn mass_of(value: f32, peak: f32) -> f32 {
  return select(exp(max(value - peak, -1e4)), 1.0, value == peak);
}

// Total of all masses, and the entropy in nats.
struct Spread { total: f32, entropy: f32 }
var<workgroup> spread: Spread;
fn spread_of(peak: f32, lane: u32) -> Spread {
  var sums = vec4(0.0);
  for (var c = lane; c < params.classes + params.prototypes; c += WORKGROUP) {
    if (!is_on(c)) { continue; }
    let mass = mass_of(values[c], peak);
    sums += vec4(mass, mass * max(values[c] - peak, -1e4), 0.0, 0.0);
  }
  let all = workgroup_sum(sums, lane);
  if (lane == 0u) { spread = Spread(all.x, max(log(all.x) - all.y / all.x, 0.0)); }
  return workgroupUniformLoad(&spread);
}

fn write_probabilities(at: u32, peak: f32, total: f32, lane: u32) {
  let count = params.classes + params.prototypes;
  for (var c = lane; c < count; c += WORKGROUP) {
    var probability = 0.0;
    if (is_on(c)) { probability = mass_of(values[c], peak) / total; }
    probabilities[at * count + c] = probability;
  }
}
