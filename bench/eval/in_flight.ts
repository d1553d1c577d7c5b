/**
 * Runs `work` for each item, at most `limit` at once, in order. The first failure ends it: nothing new is begun, what runs is
 * told to stop by its signal, and the failure is thrown once all have ended.
 */
export async function inFlight<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const failures: unknown[] = [];
  let next = 0;
  async function takeTurns(): Promise<void> {
    while (next < items.length && failures.length === 0) {
      const item = items[next++];
      try {
        await work(item, stop.signal);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, takeTurns));
  if (failures.length > 0) throw failures[0];
}
