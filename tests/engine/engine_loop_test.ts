import assert from "node:assert/strict";
import { WeftError } from "../../engine/core/errors.ts";
import { EngineLoop } from "../../engine/engine_loop.ts";
import type { FromWorker } from "../../engine/protocol.ts";
import { captureDevice } from "./captured_device.ts";
import { GREEDY } from "../../engine/core/generation.ts";

const MODEL = new URL("../fixtures/models/llama", import.meta.url).pathname;

const REQUEST = {
  id: "it",
  promptTokens: Uint32Array.of(1, 2, 3),
  maxTokens: 400,
  mixture: [],
  sampling: GREEDY,
  stopTokens: [],
  pauseTokens: [],
};

async function open() {
  const sent: FromWorker[] = [];
  const { result: loop, device } = await captureDevice(() =>
    EngineLoop.open(
      { modelDirectory: MODEL, dtype: "f32", maxBatch: 4 },
      (message) => sent.push(message),
    )
  );
  return { loop, device, sent };
}

function lastStats(sent: readonly FromWorker[]) {
  const steps = sent.filter((message) => message.kind === "step");
  return steps.at(-1)!.stats;
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, "it did not happen within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

for (const moment of ["idle", "running"] as const) {
  Deno.test(`the loop ends with device_lost when the device is lost while ${moment}`, async () => {
    const { loop, device, sent } = await open();
    const ended = loop.run().then(() => null, (error) => error);
    if (moment === "running") {
      loop.handle({ kind: "generate", request: REQUEST });
      await until(() => sent.filter(({ kind }) => kind === "step").length > 3);
    }
    device.destroy();
    const error = await ended;
    assert.ok(error instanceof WeftError, `${error}`);
    assert.equal(error.code, "device_lost");
    assert.match(error.message, /The GPU device is lost/);
    await new Promise((resolve) => setTimeout(resolve, 50)); // for maps still pending
  });
}

Deno.test("the statistics tell of waiting requests before anything comes of them, and of rest at the end", async () => {
  const { loop, sent } = await open();
  const ended = loop.run();
  loop.handle({
    kind: "generate",
    request: { ...REQUEST, mixture: [{ generation: "a", weight: 1 }] },
  });
  await until(() => sent.some(({ kind }) => kind === "need_adapter"));
  await until(() => sent.some(({ kind }) => kind === "step"));
  assert.equal(lastStats(sent).waiting, 1);
  loop.handle({ kind: "abort", id: "it" });
  await until(() => lastStats(sent).waiting === 0);

  loop.handle({ kind: "generate", request: REQUEST });
  await until(() => lastStats(sent).running === 1);
  loop.handle({ kind: "abort", id: "it" });
  await until(() => lastStats(sent).running === 0);
  const { waiting, waitingTokens, kvUsage, pinnedAdapters } = lastStats(sent);
  assert.deepEqual({ waiting, waitingTokens, kvUsage, pinnedAdapters }, {
    waiting: 0,
    waitingTokens: 0,
    kvUsage: 0,
    pinnedAdapters: [],
  });
  // A pass may have been under way.
  await new Promise((resolve) => setTimeout(resolve, 30));
  const passes = sent.length;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(sent.length, passes, "an idle loop goes on reporting");
  loop.handle({ kind: "close" });
  await ended;
});

// Bytes of its embedding and head (2 · 256 · 64 values), of its layers (92,160), of its norms in f32.
const VOCABULARY_BYTES = 32_768 * 8.5 / 8;
const NORM_BYTES = 448 * 4;

for (const [quantize, bits] of [["int8", 8.5], ["int4", 4.5]] as const) {
  Deno.test(`a model loads in ${quantize}, says so, and answers`, async () => {
    const sent: FromWorker[] = [];
    const loop = await EngineLoop.open(
      { modelDirectory: MODEL, quantize, maxBatch: 4 },
      (message) => sent.push(message),
    );
    assert.equal(loop.info.quantize, quantize);
    const matrixBytes = VOCABULARY_BYTES + 92_160 * bits / 8;
    assert.equal(loop.info.weightBytes, matrixBytes + NORM_BYTES);
    const progress = sent.filter((message) => message.kind === "progress");
    assert.equal(progress.at(-1)!.totalBytes, matrixBytes + NORM_BYTES);
    assert.equal(progress.at(-1)!.loadedBytes, matrixBytes);
    const ended = loop.run();
    loop.handle({ kind: "generate", request: { ...REQUEST, maxTokens: 8 } });
    const events = () =>
      sent.flatMap((message) => message.kind === "step" ? message.outcomes : []).flatMap((
        outcome,
      ) => "event" in outcome ? [outcome.event] : []);
    await until(() => events().some(({ kind }) => kind === "finished"));
    const tokens = events().flatMap((event) => event.kind === "tokens" ? event.tokens : []);
    assert.equal(tokens.length, 8);
    loop.handle({ kind: "close" });
    await ended;
  });
}

Deno.test("kernels for more rows are compiled once nothing is to do, and never beside a request", async () => {
  const { loop, device, sent } = await open();
  let compiled = 0;
  const create = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) => {
    compiled++;
    return create(descriptor);
  };
  const ended = loop.run();
  loop.handle({ kind: "generate", request: { ...REQUEST, maxTokens: 200 } });
  await until(() => sent.some(({ kind }) => kind === "step") && lastStats(sent).running === 1);
  await until(() => lastStats(sent).running === 0);
  assert.equal(lastStats(sent).generatedTokens, 200);
  assert.equal(compiled, 0, "one row needs nothing that isn't there");
  await until(() => compiled > 0);
  let [before, since] = [0, 0];
  await until(() => {
    if (compiled !== before) [before, since] = [compiled, performance.now()];
    return performance.now() - since > 500;
  });
  const all = compiled;
  const rows = ["a", "b", "c", "d"].map((id) => ({ ...REQUEST, id, maxTokens: 4 }));
  for (const request of rows) loop.handle({ kind: "generate", request });
  await until(() => lastStats(sent).generatedTokens === 216);
  assert.equal(compiled, all, "four rows found theirs compiled");
  loop.handle({ kind: "close" });
  await ended;
});
