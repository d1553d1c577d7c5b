/** The words of a text for BLEU: runs of letters and digits, and every other visible character by itself. Case counts. */
export function wordsAndMarks(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];
}

/** The words of a text for ROUGE, as Google's rouge-score has them without stemming: small letters and digits only. */
export function rougeWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

/** How often each run of `n` words occurs. Words are joined by a character that is in none. */
export function countNgrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const gram = words.slice(i, i + n).join("\n");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** How many n-grams of `left` are in `right` too, each counted at most as often as it occurs there. */
export function overlap(
  left: ReadonlyMap<string, number>,
  right: ReadonlyMap<string, number>,
): number {
  let common = 0;
  for (const [gram, count] of left) common += Math.min(count, right.get(gram) ?? 0);
  return common;
}
