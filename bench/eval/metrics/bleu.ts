import { checkPairs } from "./accuracy.ts";
import { countNgrams, overlap, wordsAndMarks } from "./words.ts";

const MAX_ORDER = 4;

/** N-grams of a corpus: those with a match in their reference, and all. */
export interface NgramPrecision {
  matched: number;
  total: number;
}

/**
 * Corpus BLEU, 0 to 1 (Papineni et al. 2002): the geometric mean of the clipped precisions of 1- to 4-grams over the whole
 * corpus, times the brevity penalty. No smoothing. Orders that no candidate is long enough for are left out of the mean
 * (sacrebleu's "effective order"): many answers here are one word, and the plain formula is undefined for those.
 *
 * @param references For each candidate one or more texts; of several, the one nearest in length (the shorter of two that
 *   are) counts for the brevity penalty.
 * @throws {RangeError} as `checkPairs`.
 */
export function bleu(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
): number {
  checkPairs(candidates, references);
  const pairs = tokenise(candidates, references);
  const orders = Array.from({ length: MAX_ORDER }, (_, i) => precision(pairs, i + 1))
    .filter(({ total }) => total > 0);
  if (orders.length === 0 || orders.some(({ matched }) => matched === 0)) return 0;
  const logs = orders.map(({ matched, total }) => Math.log(matched / total));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  return brevityPenalty(pairs) * Math.exp(mean);
}

/** The modified n-gram precision of one order, as counts. */
export function ngramPrecision(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
  n: number,
): NgramPrecision {
  return precision(tokenise(candidates, references), n);
}

interface Pair {
  candidate: string[];
  references: string[][];
}

function tokenise(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
): Pair[] {
  return candidates.map((text, i) => ({
    candidate: wordsAndMarks(text),
    references: references[i].map(wordsAndMarks),
  }));
}

function precision(pairs: readonly Pair[], n: number): NgramPrecision {
  let matched = 0;
  let total = 0;
  for (const { candidate, references } of pairs) {
    const most = new Map<string, number>();
    for (const reference of references) {
      for (const [gram, count] of countNgrams(reference, n)) {
        most.set(gram, Math.max(count, most.get(gram) ?? 0));
      }
    }
    matched += overlap(countNgrams(candidate, n), most);
    total += Math.max(0, candidate.length - n + 1);
  }
  return { matched, total };
}

/** 1 for a corpus longer than its references, else e^(1 - r/c). */
function brevityPenalty(pairs: readonly Pair[]): number {
  let length = 0;
  let wanted = 0;
  for (const { candidate, references } of pairs) {
    length += candidate.length;
    wanted += nearestLength(candidate.length, references);
  }
  return length > wanted ? 1 : Math.exp(1 - wanted / length);
}

function nearestLength(length: number, references: readonly string[][]): number {
  const lengths = references.map((reference) => reference.length).sort((a, b) => a - b);
  return lengths.reduce((best, other) =>
    Math.abs(other - length) < Math.abs(best - length) ? other : best
  );
}
