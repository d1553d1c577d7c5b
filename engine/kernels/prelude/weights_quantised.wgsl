// A quantised matrix: integers of 8 or 4 bits and an f16 scale for each 32 columns of a row. Four
// rows make a block: each of its words of 16 bytes holds the same columns of all four, so that a tile
// is one load and lanes side by side read one stretch of memory. Rows and columns that a block or a
// group lacks are zeros. The scales follow the words of all blocks: 4 rows take 8 bytes a group.
alias Stored = vec4<u32>;
const GROUP_TILES: u32 = 8u / TILE4;
// The first word of a block, and the first of its scales.
struct TileRows { words: u32, scales: u32 }
struct Packed { words: vec4<u32>, scales: vec2<u32> }

// The rows of one block.
fn tile_rows(rows: vec4<u32>, count: u32, width4: u32) -> TileRows {
  let block = min(rows.x, count - 1u) / 4u;
  let groups = (width4 + 7u) / 8u;
  let blocks = (count + 3u) / 4u;
  let words = groups * GROUP_TILES;
  return TileRows(block * words, 2u * blocks * words + block * groups);
}

fn load(at: TileRows, i: u32) -> Packed {
  let group = at.scales + i / GROUP_TILES;
  let pair = weight[group / 2u];
  return Packed(weight[at.words + i], select(pair.xy, pair.zw, group % 2u == 1u));
}

fn scales_of(p: Packed) -> vec4<f32> {
  return vec4(unpack2x16float(p.scales.x), unpack2x16float(p.scales.y));
}
