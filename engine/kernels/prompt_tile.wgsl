// What attention of prompts has in common: TILE tokens that follow each other.
struct Params {
  heads: u32, kv_heads: u32, max_blocks: u32,
  // The sliding window; 0: none.
  tokens: u32, window: u32, scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;

override TILE: u32 = 2u;

// Those of one row, the first `count` from `first` on. Query q is head q % GROUP of token q / GROUP.
struct Run { first: u32, count: u32, row: u32 }
fn token_of(run: Run, query: u32) -> u32 { return run.first + min(query / GROUP, run.count - 1u); }

// A tile may hold the end of one prompt and the beginning of another.
fn attend_tile(tile: u32, heads: HeadGroup, local: u32) {
  let end = min((tile + 1u) * TILE, params.tokens);
  var first = tile * TILE;
  while (first < end) {
    let row = rows[first];
    var count = 1u;
    while (first + count < end && rows[min(first + count, end - 1u)] == row) { count++; }
    if (row != INACTIVE) { attend_run(Run(first, count, row), heads, local); }
    first += count;
  }
}
