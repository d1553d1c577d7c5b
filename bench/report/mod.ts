import type { BenchOptions } from "../options.ts";
export function report(_options: BenchOptions): Promise<void> {
  return Promise.resolve();
}
