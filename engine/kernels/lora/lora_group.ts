/** Rows of tokens that take part in no mixture, and slots that end one. */
export const NO_SLOT = 0xffffffff;

/** One projection of a group. Its rank rows lie together in the group's pools. */
export interface LoraMember {
  /** Rank row of A, in rows, where the member's rows start. */
  aRow: number;
  /** Element of B where the member's rows start; each of its rows has `outSize` elements. */
  bStart: number;
  outSize: number;
  /** Column of y where the member's outputs start. */
  outOffset: number;
}

/**
 * Projections of one layer that share their input: q, k, v; o; gate, up; down. All sizes are in
 * elements and multiples of 4.
 */
export interface LoraGroup {
  /** Module of the first member: layer * 7 + its place in PROJECTIONS; the others follow. */
  module: number;
  /** Modules a slot describes: layers * 7. */
  modules: number;
  inSize: number;
  /** One to three. */
  members: readonly LoraMember[];
  /** Width of a token's row of y. */
  outStride: number;
  /** Room for a token's ranks per member in h: MAX_MIXTURE * the largest rank, rounded up to 4. */
  hStride: number;
}

/** What both kernels read: which mixture a token has. */
export interface MixtureBuffers {
  /** u32 `[tokens]`: batch row, or NO_SLOT for a token that is not computed. */
  rows: GPUBuffer;
  /** (u32 slot, f32 weight) `[maxBatch, MAX_MIXTURE]`, ended by NO_SLOT. */
  mix: GPUBuffer;
  /** (u32 first rank row, u32 rank, f32 scale, 0) `[maxAdapters, modules]`; rows count from the member's start. */
  slots: GPUBuffer;
}

/** The work of one step. */
export interface LoraStep {
  tokens: number;
  /** The largest sum of ranks that any row's mixture has in a member; 0 records nothing. */
  maxTotalRank: number;
}

/** What LoraShrink leaves for a FewTokenLinear to finish. */
export interface RankList {
  group: LoraGroup;
  /** `[tokens, members, length]` pairs: (u32 ranks, …) takes two, the adapters two, then (f32 h, u32 place in b). */
  ranks: GPUBuffer;
  length: number;
  /** The layer's pool of B rows in the weight type, each rank's row `[outSize]`. */
  b: GPUBuffer;
}

/** Pairs that the list of a token's ranks takes per member. */
export function rankListLength({ hStride }: Pick<LoraGroup, "hStride">): number {
  return 4 + hStride;
}

/** A value per member, for parameters `name_0` to `name_2`. */
export function perMember(
  name: string,
  group: LoraGroup,
  value: (member: LoraMember) => number,
): Record<string, number> {
  return Object.fromEntries([0, 1, 2].map((i) => {
    const member = group.members[i];
    return [`${name}_${i}`, member ? value(member) : 0];
  }));
}
