/** Names that one catalogue or manifest may bring: a listing beyond it is a mistake, or meant to do harm. */
export const MAX_ADAPTERS = 100_000;
