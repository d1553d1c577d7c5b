import assert from "node:assert/strict";
import { barsOf } from "../../../bench/report/bars.ts";
import type { ResultLine } from "../../../bench/results_file.ts";
import { line } from "./fixture.ts";

function bar(lines: ResultLine[], what: RegExp) {
  const found = barsOf(lines).filter((bar) => what.test(bar.what));
  assert.equal(found.length, 1, `one target is ${what}`);
  return found[0];
}

Deno.test("a ratio is the median over rounds, with the least and the most", () => {
  const lines = [
    line("lora/demo/decode/base", [100, 100, 200]),
    line("lora/demo/decode/one", [91, 95, 186]),
  ];
  const { wanted, measured, verdict } = bar(lines, /^one adapter.*demo/);
  assert.equal(wanted, "≥ 0.9");
  assert.equal(measured, "0.93 (0.91 to 0.95)");
  assert.equal(verdict, "met");
});

Deno.test("below a least value is missed, above a most value too", () => {
  const lines = [
    line("peers/demo/decode/batch=1/weft", [20]),
    line("peers/demo/decode/batch=1/onnxruntime-web", [8]),
    line("peers/demo/decode/batch=1/onnxruntime-web, quick readback", [10]),
    line("peers/demo/decode/batch=1/transformers.js", [40]),
    line("start/server/ready", [2.5], { unit: "s" }),
  ];
  assert.deepEqual(bar(lines, /decode, batch 1, against/), {
    what: "decode, batch 1, against onnxruntime-web (demo)",
    wanted: "≥ 3",
    measured: "2 (1 round)",
    verdict: "missed",
  });
  assert.equal(bar(lines, /start to ready/).verdict, "missed");
});

Deno.test("step time is what throughput says the other way round", () => {
  const lines = [
    line("resident/decode/resident=1", [100]),
    line("resident/decode/resident=100", [99]),
    line("shapes/Qwen2-1.5B/decode/batch=1/rate", [100], { isSoftware: false }),
    line("shapes/Qwen2-1.5B/decode/batch=8/rate", [640], { isSoftware: false }),
  ];
  assert.equal(bar(lines, /100 resident/).measured, "1.01 (1 round)");
  const gpu = lines.map((one) => ({ ...one, isSoftware: false }));
  assert.equal(bar(gpu, /step time, batch 8.*1\.5B/).measured, "1.25 (1 round)");
});

Deno.test("what only a GPU shows isn't judged on a software driver", () => {
  const name = "shapes/Llama-3-8B/decode/batch=1/of_stream";
  assert.equal(bar([line(name, [0.6])], /stream.*8B/).verdict, "not measured here (GPU only)");
  const onGpu = bar([line(name, [0.6], { isSoftware: false })], /stream.*8B/);
  assert.deepEqual([onGpu.measured, onGpu.verdict], ["60 % (1 round)", "met"]);
});

Deno.test("without figures nothing is met or missed", () => {
  const verdicts = new Set(barsOf([line("limits/stream", [3])]).map(({ verdict }) => verdict));
  assert.deepEqual([...verdicts].sort(), ["not measured", "not measured here (GPU only)"]);
});

Deno.test("what LoRA adds to a layer is the difference of two counts", () => {
  const name = (work: string) => `kernels/demo/${work}/step/dispatches_per_layer`;
  const lines = [line(name("batch=8"), [9, 9]), line(name("lora, batch=8"), [17, 17])];
  const { measured, verdict } = bar(lines, /LoRA adds/);
  assert.deepEqual([measured, verdict], ["8 (2 rounds)", "missed"]);
});
