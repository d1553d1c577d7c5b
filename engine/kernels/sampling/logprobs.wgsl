// Log-probabilities of the model's own distribution (raw logits): of the drawn token and of the
// likeliest, one workgroup per row that asked. Runs after `sample`.
struct Params { vocab: u32, stride: u32, out_base: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> row_params: array<RowParams>;
@group(0) @binding(3) var<storage, read> sampled: array<u32>;
@group(0) @binding(4) var<storage, read> drawn: array<u32>;
// [step][row] of ENTRIES (token, log-probability bits): the drawn token, then the likeliest.
@group(0) @binding(5) var<storage, read_write> logprobs: array<vec2<u32>>;

const ENTRIES = 21u;

var<private> peak: f32;
fn below_peak(value: f32) -> f32 {
  if (value == peak) { return 0.0; }
  return value - peak;
}

var<workgroup> partial: array<f32, WORKGROUP>;
var<workgroup> log_sum_found: f32;
fn log_of_sum(sum: f32, lane: u32) -> f32 {
  partial[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < WORKGROUP; i++) { total += partial[i]; }
    log_sum_found = log(total);
  }
  return workgroupUniformLoad(&log_sum_found);
}

fn precedes(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.x > b.x || (a.x == b.x && a.y < b.y);
}

// The first element after `last`, by rounds over the whole row: slow, for rows with so many ties
// that the list overflows.
var<workgroup> next_key: atomic<u32>;
var<workgroup> next_id: atomic<u32>;
var<workgroup> next_found: vec2<u32>;
fn next_after(last: vec2<u32>, base: u32, lane: u32) -> vec2<u32> {
  var mine = vec2(0u, NONE);
  for (var i = lane; i < params.vocab; i += WORKGROUP) {
    let entry = vec2(key_of(logits[base + i]), i);
    if (precedes(last, entry) && precedes(entry, mine)) { mine = entry; }
  }
  atomicMax(&next_key, mine.x);
  workgroupBarrier();
  let top = atomicLoad(&next_key);
  if (mine.x == top) { atomicMax(&next_id, ~mine.y); }
  workgroupBarrier();
  if (lane == 0u) {
    next_found = vec2(top, ~atomicLoad(&next_id));
    atomicStore(&next_key, 0u);
    atomicStore(&next_id, 0u);
  }
  return workgroupUniformLoad(&next_found);
}

fn write(at: u32, token: u32, value: f32, log_sum: f32) {
  logprobs[at] = vec2(token, bitcast<u32>(below_peak(value) - log_sum));
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let asked = row_params[sampled[group.x]].logprobs;
  if (asked == 0u) { return; }
  let out = (params.out_base + group.x) * ENTRIES;
  let token = drawn[params.out_base + group.x];
  if (token >= params.vocab) {
    if (lane == 0u) { logprobs[out] = vec2(token, 0u); }
    return;
  }
  let base = group.x * params.stride;
  let count = min(asked - 1u, min(ENTRIES - 1u, params.vocab));

  var top = 0u;
  for (var i = lane; i < params.vocab; i += WORKGROUP) { top = max(top, key_of(logits[base + i])); }
  peak = value_of(workgroup_best(0u, top, 0u, lane).x);
  var bar = NONE;
  if (count > 0u) { bar = bar_of_lanes(top, min(count, WORKGROUP), lane); }

  var sum = 0.0;
  for (var i = lane; i < params.vocab; i += WORKGROUP) {
    let value = logits[base + i];
    sum += exp(below_peak(value));
    let key = key_of(value);
    if (key >= bar) { list_add(key, i); }
  }
  let log_sum = log_of_sum(sum, lane);
  let length = listed(lane);
  if (lane == 0u) { write(out, token, logits[base + token], log_sum); }
  if (length > LIST) {
    var last = vec2(NONE, 0u);
    for (var n = 1u; n <= count; n++) {
      last = next_after(last, base, lane);
      if (lane == 0u) { write(out + n, last.y, value_of(last.x), log_sum); }
    }
    return;
  }
  for (var i = lane; i < length; i += WORKGROUP) {
    let entry = list[i];
    var place = 1u;
    for (var other = 0u; other < length; other++) {
      place += select(0u, 1u, precedes(list[other], entry));
    }
    if (place <= count) { write(out + place, entry.y, value_of(entry.x), log_sum); }
  }
}
