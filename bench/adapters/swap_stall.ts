import { type Figure, format, percentiles } from "../measure.ts";
import { generate, openSubject, type Origin, type Variants } from "./subject.ts";

const STREAMS = 8;
const SWAPS = 60;

/** What a swap costs running streams: their longest gap in windows with one, against windows without. */
export async function measureSwapStall(
  origin: Origin,
  { label, variants }: { label: string; variants: Variants },
): Promise<Figure[]> {
  await using subject = await openSubject({ memoryBytes: 2 ** 28 });
  const { store, engine } = subject;
  const folder = `/swapped-${label}`;
  const url = origin.url(folder);
  const put = async () => {
    await origin.place(variants.next(folder));
    await store.startPut(label, { url }).done;
  };
  await put();

  let isStopped = false;
  let longest = 0;
  const gaps: number[] = [];
  const streams = Array.from({ length: STREAMS }, async () => {
    while (!isStopped) {
      using lease = await store.acquire(label);
      const { generation } = lease;
      let last = 0;
      await generate(engine, {
        generation,
        tokens: 64,
        onTokens() {
          const now = performance.now();
          if (last > 0) {
            longest = Math.max(longest, now - last);
            gaps.push(now - last);
          }
          last = now;
        },
      });
    }
  });
  const windows = { with: [] as number[], without: [] as number[] };
  const swaps: number[] = [];
  for (let i = 0; i <= SWAPS; i++) {
    longest = 0;
    const start = performance.now();
    await put();
    swaps.push(performance.now() - start);
    // The streams feel it until their next tokens.
    await pause(60);
    const took = performance.now() - start;
    if (i > 0) windows.with.push(longest);
    longest = 0;
    await pause(took);
    if (i > 0) windows.without.push(longest);
  }
  isStopped = true;
  await Promise.all(streams);

  const [during, without] = [percentiles(windows.with), percentiles(windows.without)];
  return [
    { what: `PUT until the name has moved, ${label}`, value: both(percentiles(swaps.slice(1))) },
    { what: `longest gap of ${STREAMS} streams around a swap, ${label}`, value: both(during) },
    { what: `longest gap as long without one, ${label}`, value: both(without) },
    {
      what: `usual gap between a stream's tokens (1 to 4), ${label}`,
      value: both(percentiles(gaps)),
    },
  ];
}

function both({ p50, p99 }: { p50: number; p99: number }): string {
  return `${format(p50, "ms")}, p99 ${format(p99, "ms")}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
