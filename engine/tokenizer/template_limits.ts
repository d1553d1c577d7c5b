/** How large a rendering may grow. Sizes count UTF-16 units of strings and items of lists. */
export interface TemplateLimits {
  /** The rendered text, and any value on the way to it. */
  maxValue: number;
  /** Everything made during one rendering, which bounds the memory it can hold. */
  maxTotal: number;
  /** The longest `range(…)`. */
  maxRange: number;
}

export const TEMPLATE_LIMITS: TemplateLimits = {
  maxValue: 8 * 1024 * 1024,
  maxTotal: 128 * 1024 * 1024,
  maxRange: 100_000,
};
