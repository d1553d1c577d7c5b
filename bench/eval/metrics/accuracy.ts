/**
 * The share of replies that are exactly the right option, 0 to 1. White space around a reply doesn't count; anything else
 * does, so that a sentence with the option in it is wrong.
 *
 * @throws {RangeError} without replies, or with another number of answers.
 */
export function accuracy(replies: readonly string[], answers: readonly string[]): number {
  checkPairs(replies, answers);
  const right = replies.filter((reply, i) => reply.trim() === answers[i]).length;
  return right / replies.length;
}

/** @throws {RangeError} when there is nothing to score, or not one answer a reply. */
export function checkPairs(replies: readonly unknown[], answers: readonly unknown[]): void {
  if (replies.length === 0 || replies.length !== answers.length) {
    throw new RangeError(
      `Cannot score ${replies.length} replies against ${answers.length} answers: ` +
        "there must be one answer a reply, and at least one of each",
    );
  }
}
