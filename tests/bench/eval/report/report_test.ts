import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { fillMarkers } from "../../../../bench/eval/report/markers.ts";
import { reportOf } from "../../../../bench/eval/report/mod.ts";
import { readResults, writeResults } from "../../../../bench/eval/results_file.ts";
import { goodResults } from "./fixture.ts";

Deno.test("sections have the results' figures", () => {
  const sections = reportOf(goodResults());
  assert.match(sections.means, /multiple choice, accuracy \| 25\.0 \| 75\.0 \| 75\.0 ± 1\.4 \|/);
  assert.match(sections.choice, /plurals \| 25\.0 \| 75\.0 \| 75\.0 ± 1\.4 \|/);
  assert.match(sections.qa, /copy_text, ROUGE-L \| – \| 80\.0 \| 79\.5 ± 0\.7 \|/);
  assert.match(
    sections.composites,
    /a route a sentence: keep, carry \| 65\.0 ± 7\.1 \| 50\.0 ± 0\.0 \|/,
  );
  assert.match(sections.router, /mean \| 99\.50 ± 0\.71 \|/);
  assert.match(sections.router, /plurals → antonyms \| router-1\.onnx \| 1 \|/);
  assert.match(sections.sweep, /0\.5 \| 70\.0 \| 80\.0 \| 1\.25 \|/);
  assert.match(sections.split, /tasks, top-p \| – \| 1\.5 \| 20\.0 \| 25\.0 \| 50\.0 \|/);
  assert.match(sections.timing, /100 \(100\) \| 103\.0 \| 100\.0 \| 105\.0 \| 114\.0 \| 0\.00 \|/);
  assert.match(sections.run, /2026-01-02.*a GPU/);
});

Deno.test("the paper's figures stand beside ours, and what wasn't measured says so", () => {
  const { paper } = reportOf(goodResults());
  for (const figure of ["98.45", "91.9 to 92.3", "−3 % to +52 %, mean +18 %", "1.76×", "1.83×"]) {
    assert.ok(paper.includes(figure), figure);
  }
  assert.match(paper, /router accuracy[^|]*\| 98\.45 \| 99\.50 ± 0\.71 \|/);
  assert.match(paper, /1\.83× \| 1\.14× \|/);
  assert.match(paper, /1\.76× \| not measured \|/);
});

Deno.test("a section fills its markers again and again, and the prose stays", () => {
  const page = "# Title\n\n<!-- eval:a -->\nold\n<!-- /eval:a -->\n\nProse.\n";
  const once = fillMarkers(page, { a: "new" });
  assert.equal(once, "# Title\n\n<!-- eval:a -->\n\nnew\n\n<!-- /eval:a -->\n\nProse.\n");
  assert.equal(fillMarkers(once, { a: "new" }), once);
});

Deno.test("a page without a section's markers, or with two, is refused", () => {
  const pair = "<!-- eval:a --><!-- /eval:a -->";
  for (const page of ["", "<!-- eval:a -->", "<!-- /eval:a --><!-- eval:a -->", pair + pair]) {
    assert.throws(() => fillMarkers(page, { a: "x" }), /the page needs <!-- eval:a -->/, page);
  }
});

Deno.test("docs/EVALUATION.md has a place for every section", () => {
  fillMarkers(readFileSync("docs/EVALUATION.md", "utf8"), reportOf(goodResults()));
});

Deno.test("results are read as they were written, and other formats are refused", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/deep/results.json`;
  assert.equal(await readResults(path), null);
  await writeResults(path, goodResults());
  assert.ok(existsSync(path));
  assert.deepEqual(await readResults(path), goodResults());
  await Deno.writeTextFile(path, '{"format":"weft-eval/0"}');
  await assert.rejects(readResults(path), /its format is "weft-eval\/0"/);
  await Deno.remove(folder, { recursive: true });
});
