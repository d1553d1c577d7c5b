import type { ResultLine } from "../../../bench/results_file.ts";

/** A line of results of a software driver, or of a GPU. */
export function line(
  name: string,
  values: number[],
  { unit = "tokens/s", isSoftware = true }: { unit?: string; isSoftware?: boolean } = {},
): ResultLine {
  return {
    name,
    unit,
    values,
    adapter: isSoftware ? "llvmpipe" : "NVIDIA H100",
    driver: "1.2",
    isSoftware,
    deno: "2.9.6",
    commit: "abc1234",
    date: "2026-11-28T20:00:00Z",
    os: "linux x86_64",
    cores: 2,
  };
}
