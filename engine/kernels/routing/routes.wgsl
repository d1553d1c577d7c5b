// What the host and the routing kernels tell each other per routed row; see route_layout.ts.

// A class and its weight in the mixture that a row has in force.
struct Prior { class_index: u32, weight: f32 }

// How a row is routed.
struct RouteOrder {
  row: u32,             // batch row, whose mixture is written; NONE: only the record is
  mode: u32,
  p: f32,
  max_adapters: u32,
  min_confidence: f32,
  hysteresis: f32,
  on_miss: u32,
  prior_count: u32,     // entries of the mixture in force, 0 for the base alone; NONE: it has none yet
  prior: array<Prior, 8>,
}

// An entry of the mixture that the router wants.
struct Choice {
  class_index: u32,
  weight: f32,
  slot: u32,            // its adapter's; NONE: not on the GPU
  applied: f32,         // its weight in the row's mixture; 0 when missing, or when nothing was written
}

struct RouteRecord {
  flags: u32,
  confidence: f32,
  entropy: f32,
  count: u32,
  choices: array<Choice, 8>,
}

const MODE_TOP_P = 0u;
const MODE_THRESHOLD = 1u;
const MODE_SOFTMAX_OF_PROBS = 2u;
const MODE_TOP_1 = 3u;
const MODE_UNIFORM = 4u;

const MISS_WAIT = 0u;
const MISS_RENORMALISE = 1u;

const FLAG_FAILED = 1u;     // a NaN or an infinity among the logits: nothing was changed
const FLAG_ABSTAINED = 2u;  // too low a confidence: the base alone
const FLAG_KEPT = 4u;       // the mixture in force stays
const FLAG_MISSED = 8u;     // an adapter of the mixture is not on the GPU
const FLAG_STOPPED = 16u;   // so the row waits, its mixture as it was
const FLAG_NO_CLASS = 32u;  // every class is off
const FLAG_BASE = 64u;      // the row has no adapter from now on, for whatever reason

// In the class table, in place of a slot: the class takes no part at all.
const SLOT_OFF = 0xfffffffeu;

// How a row's text is gathered.
struct GatherOrder {
  start: u32,           // of its tokens among the texts
  length: u32,
  drawn: u32,           // place of one more token among the drawn; NONE: none
}
