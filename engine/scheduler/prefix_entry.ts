/**
 * One computed block of keys and values. An entry is identified by itself: a child names its
 * parent by reference, so an evicted and reused block can never pose as an old parent.
 */
export interface PrefixEntry {
  readonly hash: bigint;
  readonly block: number;
  readonly tokens: Uint32Array;
  /** The mixtures of its positions; see SequenceRecord.mixtureOfBlock. */
  readonly mixture: string;
  /** The block before, or at the start of a text the mixture it is computed under. */
  readonly parent: PrefixEntry | string;
}
