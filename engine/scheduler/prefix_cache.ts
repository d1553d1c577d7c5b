import { ensure } from "./invariant.ts";
import type { PrefixEntry } from "./prefix_entry.ts";
import { type HashBlock, hashRoot } from "./prefix_hash.ts";
import { BLOCK_SIZE, type SequenceRecord } from "./sequence.ts";

/** Computed blocks by what they hold. Knows nothing of who uses them. */
export class PrefixCache {
  readonly #entries = new Map<bigint, PrefixEntry>();
  readonly #hashBlock: HashBlock;

  constructor(hashBlock: HashBlock) {
    this.#hashBlock = hashBlock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The block that holds the sequence's next `BLOCK_SIZE` tokens after `parents`. */
  find(sequence: SequenceRecord, parents: readonly PrefixEntry[]): PrefixEntry | undefined {
    const entry = this.#entries.get(this.#hash(sequence, parents.length));
    if (entry === undefined || entry.parent !== parentOf(sequence, parents)) return undefined;
    if (entry.mixture !== sequence.mixtureOfBlock(parents.length)) return undefined;
    const start = parents.length * BLOCK_SIZE;
    return sameTokens(entry.tokens, sequence.slice(start, start + BLOCK_SIZE)) ? entry : undefined;
  }

  /** Records `block` as computed; undefined when another text already holds its hash. */
  insert(
    sequence: SequenceRecord,
    parents: readonly PrefixEntry[],
    block: number,
  ): PrefixEntry | undefined {
    const hash = this.#hash(sequence, parents.length);
    if (this.#entries.has(hash)) return undefined;
    const start = parents.length * BLOCK_SIZE;
    const tokens = sequence.slice(start, start + BLOCK_SIZE).slice();
    const mixture = sequence.mixtureOfBlock(parents.length);
    const entry = { hash, block, tokens, mixture, parent: parentOf(sequence, parents) };
    this.#entries.set(hash, entry);
    return entry;
  }

  delete(entry: PrefixEntry): void {
    this.#entries.delete(entry.hash);
  }

  has(entry: PrefixEntry): boolean {
    return this.#entries.get(entry.hash) === entry;
  }

  checkIntegrity(): void {
    for (const { block, parent } of this.#entries.values()) {
      ensure(
        typeof parent === "string" || this.has(parent),
        () => `cached block ${block} outlives the block before it`,
      );
    }
  }

  #hash(sequence: SequenceRecord, index: number): bigint {
    const { hashes } = sequence;
    while (hashes.length <= index) {
      const mixture = hashRoot(sequence.mixtureOfBlock(hashes.length));
      const parent = (hashes.at(-1) ?? 0n) ^ mixture;
      const start = hashes.length * BLOCK_SIZE;
      hashes.push(this.#hashBlock(parent, sequence.slice(start, start + BLOCK_SIZE)));
    }
    return hashes[index];
  }
}

function parentOf(sequence: SequenceRecord, parents: readonly PrefixEntry[]): PrefixEntry | string {
  return parents.at(-1) ?? sequence.mixtureKey;
}

function sameTokens(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < BLOCK_SIZE; i++) if (a[i] !== b[i]) return false;
  return true;
}
