/** The shortest padded length, and the step from one to the next. */
const SHORTEST = 16;
const STEP = 4;

/**
 * The lengths that router inputs are padded to, shortest first: 16, 64, 256, … and `maxTokens`
 * itself. So few shapes occur that all of them are run once when a router opens.
 */
export function paddedLengths(maxTokens: number): number[] {
  const lengths: number[] = [];
  for (let length = SHORTEST; length < maxTokens; length *= STEP) lengths.push(length);
  return [...lengths, maxTokens];
}

/** The least of `paddedLengths` that holds `tokens`, at most `maxTokens`, of them. */
export function paddedLength(tokens: number, maxTokens: number): number {
  return paddedLengths(maxTokens).find((length) => length >= tokens) ?? maxTokens;
}
