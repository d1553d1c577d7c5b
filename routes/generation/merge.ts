/**
 * Interleaves sources in the order their items arrive. Pull-based: each source is asked for one item
 * ahead at most, so a slow consumer holds them all back. An error of any source ends the whole. At the
 * end, also an early one, `stop` is called to make sources that still run finish, and they are awaited.
 */
export async function* merge<T>(
  sources: readonly AsyncIterable<T>[],
  stop: () => void,
): AsyncGenerator<T, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const ready: ({ from: AsyncIterator<T>; result: IteratorResult<T> } | { error: unknown })[] = [];
  let wake = () => {};
  let open = iterators.length;

  function pull(from: AsyncIterator<T>): void {
    from.next().then(
      (result) => ready.push({ from, result }),
      (error) => ready.push({ error }),
    ).then(() => wake());
  }

  try {
    for (const iterator of iterators) pull(iterator);
    while (open > 0) {
      const item = ready.shift();
      if (item === undefined) {
        await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      if ("error" in item) throw item.error;
      if (item.result.done) {
        open--;
        continue;
      }
      yield item.result.value;
      pull(item.from);
    }
  } finally {
    stop();
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()));
  }
}
