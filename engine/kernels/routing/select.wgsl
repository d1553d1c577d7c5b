// From class logits to mixtures, one workgroup a row: softmax over all classes that are on, choice,
// hysteresis, misses; then the row's entries of the mix table and a record for the host. A row's
// result does not depend on its neighbours.
struct Params { classes: u32, prototypes: u32, inverse_temperature: f32, probabilities: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;            // [i][classes]
@group(0) @binding(2) var<storage, read> prototype_logits: array<f32>;  // [i][prototypes]
@group(0) @binding(3) var<storage, read> class_slots: array<u32>;  // slot, NONE: not here, or SLOT_OFF
@group(0) @binding(4) var<storage, read> orders: array<RouteOrder>;
@group(0) @binding(5) var<storage, read_write> mix: array<vec2<u32>>;  // [row][8], as in mixture.wgsl
@group(0) @binding(6) var<storage, read_write> states: array<RowState>;
@group(0) @binding(7) var<storage, read_write> records: array<RouteRecord>;
@group(0) @binding(8) var<storage, read_write> probabilities: array<f32>;  // [i][classes + prototypes]

const MAX_MIXTURE = 8u;

// The mixture that is chosen, in the order of choice.
struct Mixture { count: u32, classes: array<u32, 8>, weights: array<f32, 8> }
var<private> chosen: Mixture;

fn choose(class_index: u32, weight: f32) {
  chosen.classes[chosen.count] = class_index;
  chosen.weights[chosen.count] = weight;
  chosen.count += 1u;
}

// A quotient may be off in its last bits, so a lone weight is not left to it.
fn share(weight: f32, sum: f32, count: u32) -> f32 {
  return select(weight / sum, 1.0, count == 1u);
}

// Turns masses into weights that sum to 1.
fn weigh(mode: u32, total: f32) {
  var sum = 0.0;
  for (var i = 0u; i < chosen.count; i++) {
    var weight = chosen.weights[i];
    if (mode == MODE_SOFTMAX_OF_PROBS) { weight = exp((weight - 1.0) / total); }
    if (mode == MODE_UNIFORM) { weight = 1.0; }
    chosen.weights[i] = weight;
    sum += weight;
  }
  for (var i = 0u; i < chosen.count; i++) {
    chosen.weights[i] = share(chosen.weights[i], sum, chosen.count);
  }
}

// Half the sum of the differences in weight: 1 for two mixtures that share nothing, 0.5 between any
// mixture and the base alone.
fn distance_from_prior(at: u32) -> f32 {
  let count = min(orders[at].prior_count, MAX_MIXTURE);
  if (count == 0u || chosen.count == 0u) { return select(0.5, 0.0, count == chosen.count); }
  var sum = 0.0;
  for (var i = 0u; i < chosen.count; i++) {
    var weight = chosen.weights[i];
    for (var j = 0u; j < count; j++) {
      let prior = orders[at].prior[j];
      if (prior.class_index == chosen.classes[i]) { weight -= prior.weight; }
    }
    sum += abs(weight);
  }
  for (var j = 0u; j < count; j++) {
    let prior = orders[at].prior[j];
    var gone = true;
    for (var i = 0u; i < chosen.count; i++) {
      if (chosen.classes[i] == prior.class_index) { gone = false; }
    }
    if (gone) { sum += prior.weight; }
  }
  // Rounding must not push anything past a bound of 1, which keeps everything.
  return min(0.5 * sum, 1.0);
}

fn is_here(class_index: u32) -> bool {
  return class_index < params.classes + params.prototypes && class_slots[class_index] < SLOT_OFF;
}

// Puts the mixture in force in place of a choice that is near to it; false where it can't stay.
fn keep_prior(at: u32) -> bool {
  if (orders[at].prior_count == NONE) { return false; }
  let count = min(orders[at].prior_count, MAX_MIXTURE);
  for (var j = 0u; j < count; j++) {
    if (!is_here(orders[at].prior[j].class_index)) { return false; }
  }
  if (distance_from_prior(at) > orders[at].hysteresis) { return false; }
  chosen.count = 0u;
  for (var j = 0u; j < count; j++) {
    choose(orders[at].prior[j].class_index, orders[at].prior[j].weight);
  }
  return true;
}

// Writes the mixture to its row and the record to the host; what is missing is left out.
fn settle(at: u32, decided: u32, confidence: f32, entropy: f32) {
  var flags = decided;
  var present = 0u;
  var mass = 0.0;
  for (var i = 0u; i < chosen.count; i++) {
    if (is_here(chosen.classes[i])) {
      present += 1u;
      mass += chosen.weights[i];
    }
  }
  if (present < chosen.count) { flags |= FLAG_MISSED; }
  let row = orders[at].row;
  let stopped = present < chosen.count && orders[at].on_miss == MISS_WAIT;
  if (stopped) {
    flags |= FLAG_STOPPED;
    if (row != NONE) { states[row].running = 0u; }
  }
  var written = 0u;
  for (var i = 0u; i < MAX_MIXTURE; i++) {
    var choice = Choice(NONE, 0.0, NONE, 0.0);
    if (i < chosen.count) {
      choice.class_index = chosen.classes[i];
      choice.weight = chosen.weights[i];
      if (is_here(choice.class_index)) {
        choice.slot = class_slots[choice.class_index];
        if (!stopped && mass > 0.0) {
          choice.applied = choice.weight;
          if (present < chosen.count) { choice.applied = share(choice.weight, mass, present); }
          if (row != NONE) {
            mix[row * MAX_MIXTURE + written] = vec2(choice.slot, bitcast<u32>(choice.applied));
          }
          written += 1u;
        }
      }
    }
    records[at].choices[i] = choice;
  }
  if (!stopped) {
    if (written == 0u) { flags |= FLAG_BASE; }
    for (var i = written; i < MAX_MIXTURE && row != NONE; i++) {
      mix[row * MAX_MIXTURE + i] = vec2(NONE, 0u);
    }
  }
  records[at].flags = flags;
  records[at].confidence = confidence;
  records[at].entropy = entropy;
  records[at].count = chosen.count;
}

fn refuse(at: u32) {
  records[at].flags = FLAG_FAILED;
  records[at].confidence = 0.0;
  records[at].entropy = 0.0;
  records[at].count = 0u;
  for (var i = 0u; i < MAX_MIXTURE; i++) { records[at].choices[i] = Choice(NONE, 0.0, NONE, 0.0); }
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = group.x;
  if (!read_values(at, lane)) {
    if (lane == 0u) { refuse(at); }
    return;
  }
  // Each function is called in one place only: compilers copy it to every call.
  let mode = orders[at].mode;
  let p = orders[at].p;
  let limit = select(clamp(orders[at].max_adapters, 1u, MAX_MIXTURE), 1u, mode == MODE_TOP_1);
  var last = Found(NONE, 0.0);
  var peak = 0.0;
  var of_all = Spread(1.0, 0.0);
  var reached = 0.0;
  for (var n = 0u; n < limit; n++) {
    let is_first = n == 0u;
    if (!is_first && mode != MODE_THRESHOLD && p < 1.0 && reached >= p * of_all.total) { break; }
    last = next_after(last, lane);
    if (last.class_index == NONE) { break; }
    if (is_first) {
      peak = last.value;
      of_all = spread_of(peak, lane);
    }
    let mass = mass_of(last.value, peak);
    if (!is_first && mode == MODE_THRESHOLD && mass < p * of_all.total) { break; }
    choose(last.class_index, mass);
    reached += mass;
  }
  if (params.probabilities != 0u) { write_probabilities(at, peak, of_all.total, lane); }
  if (lane != 0u) { return; }

  var decided = 0u;
  var confidence = 0.0;
  if (chosen.count == 0u) {
    decided = FLAG_NO_CLASS;
  } else {
    confidence = 1.0 / of_all.total;
    if (confidence < orders[at].min_confidence) {
      decided = FLAG_ABSTAINED;
      chosen.count = 0u;
    }
  }
  weigh(mode, of_all.total);
  if (keep_prior(at)) {
    // What was kept in place of the base alone is no abstention.
    if (chosen.count > 0u) { decided &= ~FLAG_ABSTAINED; }
    decided |= FLAG_KEPT;
  }
  settle(at, decided, confidence, of_all.entropy);
}
