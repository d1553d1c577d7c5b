import { ensure } from "./invariant.ts";
import { LruList } from "./lru_list.ts";
import { PrefixCache } from "./prefix_cache.ts";
import type { PrefixEntry } from "./prefix_entry.ts";
import { type HashBlock, hashBlock } from "./prefix_hash.ts";
import { BLOCK_SIZE, blocksFor, type SequenceRecord } from "./sequence.ts";

export interface BlockManagerOptions {
  numBlocks: number;
  prefixCache: boolean;
  /** Tests pass a poor one to provoke collisions. */
  hashBlock?: HashBlock;
}

/**
 * Owns the KV blocks. A block is used (in one or more block tables), cached (computed, in nobody's
 * table, evictable) or blank. Only full, computed blocks are ever shared, so none needs copying.
 *
 * Whoever holds a cached block holds the blocks before it, and releases them after it: the least
 * recently used cached block therefore never has a cached child.
 */
export class BlockManager {
  readonly #numBlocks: number;
  readonly #cache: PrefixCache | null;
  /** How many block tables hold the block. */
  readonly #users: Uint32Array;
  readonly #entries: (PrefixEntry | null)[];
  readonly #blank: number[];
  readonly #evictable: LruList;

  constructor(options: BlockManagerOptions) {
    const { numBlocks } = options;
    this.#numBlocks = numBlocks;
    this.#cache = options.prefixCache ? new PrefixCache(options.hashBlock ?? hashBlock) : null;
    this.#users = new Uint32Array(numBlocks);
    this.#entries = new Array(numBlocks).fill(null);
    this.#blank = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i);
    this.#evictable = new LruList(numBlocks);
  }

  /** Blocks that could be handed out now, the cached ones included. */
  get available(): number {
    return this.#blank.length + this.#evictable.size;
  }

  /** Blocks in block tables. */
  get used(): number {
    return this.#numBlocks - this.available;
  }

  /** Computed blocks kept for later in nobody's table. */
  get cached(): number {
    return this.#evictable.size;
  }

  /**
   * Gives a new sequence blocks for all its tokens, those found in the prefix cache first, if
   * `headroom` blocks stay available. Leaves at least one token to compute.
   */
  admit(sequence: SequenceRecord, headroom: number): boolean {
    const hits = this.#match(sequence);
    let needed = blocksFor(sequence.length) - hits.length;
    for (const { block } of hits) if (this.#users[block] === 0) needed++;
    if (needed + headroom > this.available) return false;
    for (const entry of hits) {
      this.#retain(entry.block);
      sequence.blockTable.push(entry.block);
      sequence.chain.push(entry);
    }
    sequence.numComputed = hits.length * BLOCK_SIZE;
    return this.grow(sequence, sequence.length);
  }

  /** Takes over what other sequences have computed of this one's text since it was admitted. */
  catchUp(sequence: SequenceRecord): void {
    while (sequence.chain.length === Math.floor(sequence.numComputed / BLOCK_SIZE)) {
      const entry = this.#next(sequence, sequence.chain);
      if (!entry) return;
      this.#share(sequence, entry);
      sequence.numComputed = sequence.chain.length * BLOCK_SIZE;
    }
  }

  /** Blocks still missing for this many positions. */
  missing(sequence: SequenceRecord, positions: number): number {
    return Math.max(0, blocksFor(positions) - sequence.blockTable.length);
  }

  /** Extends the block table to this many positions, or changes nothing and returns false. */
  grow(sequence: SequenceRecord, positions: number): boolean {
    const missing = this.missing(sequence, positions);
    if (missing > this.available) return false;
    if (missing > 0) sequence.blockTableVersion++;
    for (let i = 0; i < missing; i++) sequence.blockTable.push(this.#allocate());
    return true;
  }

  /** Returns blocks beyond this many positions; they must not be computed. */
  shrink(sequence: SequenceRecord, positions: number): void {
    const { blockTable } = sequence;
    while (blockTable.length > blocksFor(positions)) {
      this.#release(blockTable.pop()!);
      sequence.blockTableVersion++;
    }
  }

  /** Makes newly computed full blocks known, or swaps them for the same text's known ones. */
  publish(sequence: SequenceRecord): void {
    const { chain, blockTable } = sequence;
    if (!this.#cache) return;
    while ((chain.length + 1) * BLOCK_SIZE <= sequence.numSettled) {
      const known = this.#cache.find(sequence, chain);
      if (known) {
        this.#share(sequence, known);
        continue;
      }
      const block = blockTable[chain.length];
      const entry = this.#cache.insert(sequence, chain, block);
      if (!entry) return; // a collision: tried again once the other block is gone
      this.#entries[block] = entry;
      chain.push(entry);
    }
  }

  /** Takes all blocks from the sequence; the published ones stay cached until evicted. */
  release(sequence: SequenceRecord): void {
    for (const block of sequence.blockTable.toReversed()) this.#release(block);
    sequence.blockTable = [];
    sequence.blockTableVersion++;
    sequence.chain = [];
    sequence.numComputed = 0;
  }

  checkIntegrity(running: readonly SequenceRecord[]): void {
    const users = new Uint32Array(this.#numBlocks);
    for (const sequence of running) {
      const { id, blockTable, chain, numComputed } = sequence;
      for (const block of blockTable) users[block]++;
      ensure(
        new Set(blockTable).size === blockTable.length && this.missing(sequence, numComputed) === 0,
        () => `"${id}" has ${numComputed} positions in blocks [${blockTable}]`,
      );
      ensure(
        chain.length * BLOCK_SIZE <= numComputed &&
          chain.every((entry, i) => this.#entries[blockTable[i]] === entry),
        () => `"${id}" has ${chain.length} published blocks, ${numComputed} positions computed`,
      );
    }
    const blank = new Set(this.#blank);
    let published = 0;
    for (let block = 0; block < this.#numBlocks; block++) {
      const entry = this.#entries[block];
      if (entry) published++;
      ensure(
        users[block] === this.#users[block],
        () => `block ${block} counts ${this.#users[block]} users, has ${users[block]}`,
      );
      ensure(
        this.#evictable.has(block) === (users[block] === 0 && entry !== null) &&
          blank.has(block) === (users[block] === 0 && entry === null),
        () => `block ${block} with ${users[block]} users is in the wrong list`,
      );
      ensure(
        !entry || (entry.block === block && this.#cache!.has(entry)),
        () => `block ${block} is not the one its cache entry names`,
      );
    }
    ensure(
      blank.size === this.#blank.length && published === (this.#cache?.size ?? 0),
      () => `${published} blocks are published, the cache knows ${this.#cache?.size ?? 0}`,
    );
    this.#cache?.checkIntegrity();
  }

  #match(sequence: SequenceRecord): PrefixEntry[] {
    const hits: PrefixEntry[] = [];
    for (let entry = this.#next(sequence, hits); entry; entry = this.#next(sequence, hits)) {
      hits.push(entry);
    }
    return hits;
  }

  #next(sequence: SequenceRecord, parents: readonly PrefixEntry[]): PrefixEntry | undefined {
    const leavesOne = (parents.length + 1) * BLOCK_SIZE < sequence.length;
    return leavesOne ? this.#cache?.find(sequence, parents) : undefined;
  }

  /** Puts a known block in the place of the sequence's own. */
  #share(sequence: SequenceRecord, entry: PrefixEntry): void {
    const { blockTable, chain } = sequence;
    this.#retain(entry.block);
    this.#release(blockTable[chain.length]);
    blockTable[chain.length] = entry.block;
    sequence.blockTableVersion++;
    chain.push(entry);
  }

  #allocate(): number {
    const block = this.#blank.pop() ?? this.#evict();
    this.#users[block] = 1;
    return block;
  }

  #evict(): number {
    const block = this.#evictable.shift();
    ensure(block !== undefined, () => `no block left of ${this.#numBlocks}`);
    this.#cache!.delete(this.#entries[block]!);
    this.#entries[block] = null;
    return block;
  }

  #retain(block: number): void {
    if (this.#users[block]++ === 0) this.#evictable.delete(block);
  }

  #release(block: number): void {
    if (--this.#users[block] > 0) return;
    if (this.#entries[block]) this.#evictable.push(block);
    else this.#blank.push(block);
  }
}
