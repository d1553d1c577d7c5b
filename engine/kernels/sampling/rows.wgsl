// What the GPU keeps per batch row. Put before any kernel that reads it; see row_layout.ts.

// Where a row's generation stands. The host writes it when a burst starts; `sample` moves it on.
struct RowState {
  token: u32,     // the latest token: the next step's input
  position: u32,  // of that token in the sequence
  drawn: u32,     // tokens of the answer drawn so far
  budget: u32,    // tokens the row may still draw in this burst
  running: u32,   // 0: idles for the rest of the burst
}

// How a row draws, in the form the kernels use; see row_params.ts.
struct RowParams {
  inverse_temperature: f32,  // 0: greedy
  top_k: u32,                // 0: off
  top_p: u32,                // p * 2^32; 0: off
  min_log: f32,              // ln(min_p)
  repetition: f32,
  frequency: f32,
  presence: f32,
  tally: u32,                // row of the tally and bias buffers; NONE: logits stay as they are
  seed: u32,
  logprobs: u32,             // alternatives to report + 1; 0: off
}

const NONE = 0xffffffffu;
const FAILED = 0xffffffffu;   // in place of a token: the logits hold a NaN or allow no token
const NOTHING = 0xfffffffeu;  // in place of a token: the row was not running
