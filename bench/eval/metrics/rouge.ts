import { checkPairs } from "./accuracy.ts";
import { countNgrams, overlap, rougeWords } from "./words.ts";

/**
 * ROUGE-1, 0 to 1 (Lin 2004): F1 of the words that reply and answer share, each counted at most as often as it is in both;
 * mean over the replies.
 *
 * @throws {RangeError} as `checkPairs`.
 */
export function rouge1(replies: readonly string[], answers: readonly string[]): number {
  return meanF1(replies, answers, (left, right) => {
    return overlap(countNgrams(left, 1), countNgrams(right, 1));
  });
}

/**
 * ROUGE-L, 0 to 1 (Lin 2004): F1 of the longest common subsequence of words; mean over the replies.
 *
 * @throws {RangeError} as `checkPairs`.
 */
export function rougeL(replies: readonly string[], answers: readonly string[]): number {
  return meanF1(replies, answers, longestCommon);
}

function meanF1(
  replies: readonly string[],
  answers: readonly string[],
  common: (left: readonly string[], right: readonly string[]) => number,
): number {
  checkPairs(replies, answers);
  const sum = replies.reduce((sum, reply, i) => {
    const left = rougeWords(reply);
    const right = rougeWords(answers[i]);
    // 2PR / (P + R) with P = common / |left| and R = common / |right|.
    return sum + (common(left, right) && 2 * common(left, right) / (left.length + right.length));
  }, 0);
  return sum / replies.length;
}

/** The length of the longest common subsequence. */
export function longestCommon(left: readonly string[], right: readonly string[]): number {
  const row = new Array<number>(right.length + 1).fill(0);
  for (const word of left) {
    let diagonal = 0;
    for (let j = 1; j <= right.length; j++) {
      const above = row[j];
      row[j] = word === right[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]);
      diagonal = above;
    }
  }
  return row[right.length];
}
