/**
 * 64-bit hashes that name a block of tokens together with everything before it. They only find
 * candidates: a hit is always compared in full, so a collision costs a miss and never an answer.
 */

/** Hash of one full block, given the hash of the block before it (or the root's). */
export type HashBlock = (parent: bigint, tokens: Uint32Array) => bigint;

/** Where the chain of a mixture starts; different mixtures never share keys and values. */
export function hashRoot(mixtureKey: string): bigint {
  const units = new Uint32Array(mixtureKey.length);
  for (let i = 0; i < units.length; i++) units[i] = mixtureKey.charCodeAt(i);
  return hashBlock(BigInt(units.length), units);
}

/** Two 32-bit multiply-xorshift lanes that feed each other (BigInt arithmetic per token is slow). */
export function hashBlock(parent: bigint, tokens: Uint32Array): bigint {
  let low = Number(parent & 0xffff_ffffn) | 0;
  let high = Number(parent >> 32n) | 0;
  for (let i = 0; i < tokens.length; i++) {
    low = Math.imul(low ^ tokens[i], 0x9e3779b1);
    high = Math.imul(high + tokens[i] ^ low >>> 15, 0x85ebca6b);
    low = (low << 13 | low >>> 19) + high | 0;
  }
  return BigInt(mix(high ^ low >>> 7)) << 32n | BigInt(mix(low ^ high >>> 9));
}

function mix(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x7feb352d);
  word = Math.imul(word ^ word >>> 15, 0x846ca68b);
  return (word ^ word >>> 16) >>> 0;
}
