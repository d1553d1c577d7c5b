// Draws one token per row and moves the row on. One workgroup a row; a greedy row reads its logits
// once. All masses are 64-bit integers, so no result depends on the order of additions.
struct Params { vocab: u32, stride: u32, out_base: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> row_params: array<RowParams>;
@group(0) @binding(3) var<storage, read> sampled: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> pause: array<u32>;
@group(0) @binding(6) var<storage, read_write> states: array<RowState>;
@group(0) @binding(7) var<storage, read_write> tally: array<u32>;
@group(0) @binding(8) var<storage, read_write> drawn: array<u32>;

// A tally word: bit 31, the token is in the prompt; bits 20 to 30, its place in the row's biases
// from 1, or 0; the rest, its occurrences in the answer.
const IN_PROMPT = 0x80000000u;
const COUNT = 0xfffffu;
const MAX_BIASES = 1024u;

var<private> settings: RowParams;
var<private> base: u32;
var<private> peak: f32;
var<private> length: u32;
var<private> from_list: bool;

fn logit(token: u32) -> f32 {
  var value = logits[base + token];
  if (settings.tally == NONE) { return value; }
  let word = tally[settings.tally * params.vocab + token];
  if (word == 0u) { return value; }
  let count = word & COUNT;
  if ((word & IN_PROMPT) != 0u || count > 0u) {
    value = select(value * settings.repetition, value / settings.repetition, value > 0.0);
  }
  if (count > 0u) { value -= f32(count) * settings.frequency + settings.presence; }
  let place = (word >> 20u) & 0x7ffu;
  if (place > 0u) { value += bias[settings.tally * MAX_BIASES + place - 1u]; }
  return value;
}

// (key, id) of the i-th element of what is left: the whole row or the list.
fn item(i: u32) -> vec2<u32> {
  if (from_list) { return list[i]; }
  return vec2(key_of(logit(i)), i);
}

// (logit - highest logit) / temperature: the log of a token's weight, 0 for the likeliest.
fn log_weight(key: u32) -> f32 {
  let value = value_of(key);
  if (value == peak) { return 0.0; }
  return max((value - peak) * settings.inverse_temperature, -1e30);
}

// 64-bit integers as (low, high).
fn add64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn sub64(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}
fn reaches(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.y > b.y || (a.y == b.y && a.x >= b.x);
}

// A token's weight in units of 2^-40 of the likeliest's.
fn mass_of(key: u32) -> vec2<u32> {
  let scaled = exp(log_weight(key)) * 256.0;
  let high = floor(scaled);
  return vec2(u32((scaled - high) * 4294967296.0), u32(high));
}

var<workgroup> bins_low: array<atomic<u32>, 256>;
var<workgroup> bins_high: array<atomic<u32>, 256>;
fn pour(bin: u32, mass: vec2<u32>) {
  if (all(mass == vec2(0u))) { return; }
  let before = atomicAdd(&bins_low[bin], mass.x);
  let high = mass.y + select(0u, 1u, before + mass.x < before);
  if (high > 0u) { atomicAdd(&bins_high[bin], high); }
}
fn clear_bins(lane: u32) {
  workgroupBarrier();
  for (var bin = lane; bin < 256u; bin += WORKGROUP) {
    atomicStore(&bins_low[bin], 0u);
    atomicStore(&bins_high[bin], 0u);
  }
  workgroupBarrier();
}

// The mass of what is left from `bar` up.
var<workgroup> mass_found: vec2<u32>;
fn mass_from(bar: u32, lane: u32) -> vec2<u32> {
  var sum = vec2(0u);
  for (var i = lane; i < length; i += WORKGROUP) {
    let key = item(i).x;
    if (key >= bar) { sum = add64(sum, mass_of(key)); }
  }
  clear_bins(lane);
  pour(0u, sum);
  workgroupBarrier();
  if (lane == 0u) { mass_found = vec2(atomicLoad(&bins_low[0]), atomicLoad(&bins_high[0])); }
  return workgroupUniformLoad(&mass_found);
}

// The highest key such that the elements from it up number (or weigh) at least `wanted`, among
// those not below `bar`: a radix search, 8 bits a round. 0 when all together do not reach it.
struct Pick { bin: u32, whole: u32, left: vec2<u32> }
var<workgroup> pick_found: Pick;
fn select_key(bar: u32, wanted: vec2<u32>, by_mass: bool, lane: u32) -> u32 {
  var left = wanted;
  var prefix = 0u;
  var mask = 0u;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    clear_bins(lane);
    // Neighbours often share a bin: pouring once per run spares most of the atomics.
    var run_bin = 0u;
    var run = vec2(0u);
    for (var i = lane; i < length; i += WORKGROUP) {
      let key = item(i).x;
      if (key < bar || (key & mask) != prefix) { continue; }
      let bin = (key >> shift) & 0xffu;
      if (bin != run_bin) {
        pour(run_bin, run);
        run_bin = bin;
        run = vec2(0u);
      }
      var mass = vec2(1u, 0u);
      if (by_mass) { mass = mass_of(key); }
      run = add64(run, mass);
    }
    pour(run_bin, run);
    workgroupBarrier();
    if (lane == 0u) {
      var sum = vec2(0u);
      var found = Pick(0u, 1u, left);
      for (var i = 0u; i < 256u; i++) {
        let bin = 255u - i;
        let next = add64(sum, vec2(atomicLoad(&bins_low[bin]), atomicLoad(&bins_high[bin])));
        if (reaches(next, left)) {
          found = Pick(bin, select(0u, 1u, all(next == left)), sub64(left, sum));
          break;
        }
        sum = next;
      }
      pick_found = found;
    }
    let pick = workgroupUniformLoad(&pick_found);
    left = pick.left;
    prefix |= pick.bin << shift;
    mask |= 0xffu << shift;
    // The whole bin is wanted: finer digits would not tell its elements apart.
    if (pick.whole == 1u) { break; }
  }
  return prefix;
}

// Lists the elements from `bar` up; false when they do not fit. Call once.
fn make_list(bar: u32, lane: u32) -> bool {
  for (var i = lane; i < length; i += WORKGROUP) {
    let entry = item(i);
    if (entry.x >= bar) { list_add(entry.x, entry.y); }
  }
  let found = listed(lane);
  if (found > LIST) { return false; }
  from_list = true;
  length = found;
  return true;
}

// The lowest key that top-k and top-p let through. The border is looked for among a row's highest
// elements, as many as fit the list, and in the whole row only when it is not there.
fn lowest_allowed(best_of_lane: u32, lane: u32) -> u32 {
  var bar = KEY_MINUS_INFINITY + 1u;
  let k = settings.top_k;
  if (k > 0u && k < params.vocab) {
    if (k <= WORKGROUP) { make_list(max(bar, bar_of_lanes(best_of_lane, k, lane)), lane); }
    bar = max(bar, select_key(bar, vec2(k, 0u), false, lane));
  }
  if (settings.top_p > 0u) {
    let total = mass_from(bar, lane);
    var wanted = add64(
      multiply(total.y, settings.top_p),
      vec2(multiply(total.x, settings.top_p).y, 0u),
    );
    if (all(wanted == vec2(0u))) { wanted.x = 1u; }
    if (k == 0u) {
      let head = bar_of_lanes(best_of_lane, WORKGROUP * 7u / 8u, lane);
      if (make_list(max(bar, head), lane) && !reaches(mass_from(bar, lane), wanted)) {
        from_list = false;
        length = params.vocab;
      }
    }
    bar = max(bar, select_key(bar, wanted, true, lane));
  }
  return bar;
}

fn draw(index: u32, best: vec2<u32>, best_of_lane: u32, lane: u32) -> u32 {
  if (best.x > KEY_INFINITY || best.x <= KEY_MINUS_INFINITY) { return FAILED; }
  if (settings.inverse_temperature == 0.0) { return best.y; }
  peak = value_of(best.x);
  let bar = lowest_allowed(best_of_lane, lane);
  var top = 0u;
  var token = NONE;
  for (var i = lane; i < length; i += WORKGROUP) {
    let entry = item(i);
    if (entry.x < bar) { continue; }
    let weight = log_weight(entry.x);
    if (weight < settings.min_log) { continue; }
    let score = key_of(weight + gumbel(settings.seed, index, entry.y));
    if (score > top || (score == top && entry.y < token)) {
      top = score;
      token = entry.y;
    }
  }
  return workgroup_best(1u, top, token, lane).y;
}

var<workgroup> start: RowState;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = sampled[group.x];
  if (lane == 0u) { start = states[row]; }
  var state = workgroupUniformLoad(&start);
  if (state.running == 0u) {
    if (lane == 0u) { drawn[params.out_base + group.x] = NOTHING; }
    return;
  }
  settings = row_params[row];
  base = group.x * params.stride;
  length = params.vocab;
  from_list = false;

  var top = 0u;
  var id = NONE;
  for (var i = lane; i < length; i += WORKGROUP) {
    let key = key_of(logit(i));
    if (key > top) {
      top = key;
      id = i;
    }
  }
  let best = workgroup_best(0u, top, id, lane);
  let token = draw(state.drawn, best, top, lane);
  if (lane > 0u) { return; }

  drawn[params.out_base + group.x] = token;
  if (token == FAILED) {
    states[row].running = 0u;
    return;
  }
  if (settings.tally != NONE) { tally[settings.tally * params.vocab + token] += 1u; }
  state.token = token;
  state.position += 1u;
  state.drawn += 1u;
  state.budget = max(state.budget, 1u) - 1u;
  let pauses = pause[row * ((params.vocab + 31u) / 32u) + token / 32u] >> (token % 32u) & 1u;
  state.running = select(1u, 0u, pauses == 1u || state.budget == 0u);
  states[row] = state;
}
