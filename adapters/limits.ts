/** Names that one catalogue or manifest may bring: a listing beyond it is a mistake, or meant to do harm. */
export const MAX_ADAPTERS = 100_000;

/** Prompts that tell a router what an adapter is for. */
export const MIN_EXAMPLES = 10;
export const MAX_EXAMPLES = 50;
/** Of one, in UTF-16 units; a router sees its last few hundred tokens. */
export const MAX_EXAMPLE_LENGTH = 16_384;
