/** One measured figure. */
export interface Figure {
  what: string;
  /** Already formatted, with its unit. */
  value: string;
}

/** The middle and the 99th percentile of some durations, in their own unit. */
export function percentiles(durations: readonly number[]): { p50: number; p99: number } {
  const sorted = [...durations].sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p99: at(0.99) };
}

/** Milliseconds that each of `count` calls took, after one call that isn't counted. */
export async function timeEach(count: number, call: () => void | Promise<void>): Promise<number[]> {
  await call();
  const durations: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await call();
    durations.push(performance.now() - start);
  }
  return durations;
}

/** Prints figures as a Markdown table, so that they can go into docs/ as they are. */
export function printFigures(figures: readonly Figure[]): void {
  console.log("| what | measured |\n|---|---|");
  for (const { what, value } of figures) console.log(`| ${what} | ${value} |`);
}

/** Three significant digits and a unit. */
export function format(value: number, unit: string): string {
  return `${Number(value.toPrecision(3))} ${unit}`;
}
