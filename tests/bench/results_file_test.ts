import assert from "node:assert/strict";
import { slugOf } from "../../bench/environment.ts";
import { readLines, type ResultLine, resultsPath, writeLines } from "../../bench/results_file.ts";
import { WeftError } from "../../engine/core/errors.ts";
import { line } from "./report/fixture.ts";

async function withFile(body: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(`${directory}/results/today.jsonl`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("lines are read back as they were written, with five digits of each value", () =>
  withFile(async (path) => {
    assert.deepEqual(await readLines(path), []);
    const lines: ResultLine[] = [
      line("demo/decode", [1234.5678, 2]),
      { ...line("context", []), skipped: "--quick" },
    ];
    await writeLines(path, lines);
    const [first, second] = await readLines(path);
    assert.deepEqual(first, { ...lines[0], values: [1234.6, 2] });
    assert.deepEqual(second, lines[1]);
  }));

Deno.test("a series that is measured again takes the place of the one before", () =>
  withFile(async (path) => {
    await writeLines(path, [line("a", [1]), line("b", [2])]);
    await writeLines(path, [line("a", [3])]);
    const values = (await readLines(path)).map(({ name, values }) => [name, ...values]);
    assert.deepEqual(values, [["b", 2], ["a", 3]]);
  }));

Deno.test("a line that is none is refused with its number", () =>
  withFile(async (path) => {
    await writeLines(path, [line("a", [1])]);
    await Deno.writeTextFile(path, '{"name": "b"}\n', { append: true });
    await assert.rejects(
      readLines(path),
      (error) => error instanceof WeftError && /Cannot read line 2 of/.test(error.message),
    );
  }));

Deno.test("a file is named by date and device, and quick results aren't kept among the others", () => {
  const environment = {
    ...line("a", []),
    adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    date: "2026-11-28T20:00:00Z",
  };
  assert.equal(
    resultsPath(environment, { isQuick: false }),
    "bench/results/2026-11-28-llvmpipe.jsonl",
  );
  assert.equal(
    resultsPath(environment, { isQuick: true }),
    ".weft/bench/2026-11-28-llvmpipe.jsonl",
  );
  assert.equal(slugOf("NVIDIA H100 80GB HBM3"), "nvidia-h100-80gb-hbm3");
});
