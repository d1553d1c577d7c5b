import assert from "node:assert/strict";
import { type ClientHooks, EngineClient, type WorkerPort } from "../../engine/client.ts";
import type { EngineInfo } from "../../engine/core/engine.ts";
import type { GenerateRequest } from "../../engine/core/generation.ts";
import type { FromWorker, Outcome, ToWorker } from "../../engine/protocol.ts";
import { GREEDY } from "../../engine/core/generation.ts";

/** A worker of which the test plays the part: what can't be provoked in a real one. */
class StandIn implements WorkerPort {
  onmessage: Worker["onmessage"] = null;
  onerror: Worker["onerror"] = null;
  readonly received: ToWorker[] = [];
  terminated = false;

  postMessage(message: ToWorker): void {
    this.received.push(message);
    if (message.kind === "start") queueMicrotask(() => this.say({ kind: "ready", info: INFO }));
  }

  terminate(): void {
    this.terminated = true;
  }

  say(data: FromWorker): void {
    this.onmessage!.call(this as unknown as Worker, new MessageEvent("message", { data }));
  }

  crash(message: string): void {
    const event = new ErrorEvent("error", { message, cancelable: true });
    this.onerror!.call(this as unknown as Worker, event);
  }
}

const INFO = { maxBatch: 1 } as EngineInfo;
const LOST = { code: "device_lost", message: "The GPU device is lost (unknown): gone" } as const;

const REQUEST: GenerateRequest = {
  id: "it",
  promptTokens: Uint32Array.of(1),
  maxTokens: 4,
  mixture: [],
  sampling: GREEDY,
  stopTokens: [],
  pauseTokens: [],
};

async function start(hooks: Partial<ClientHooks> = {}) {
  const worker = new StandIn();
  const loadAdapter = () => new Promise<never>(() => {});
  const engine = new EngineClient(worker, { loadAdapter, ...hooks });
  await engine.start({ modelDirectory: "unused" });
  return { worker, engine };
}

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

Deno.test("a lost device ends what runs with device_lost, resolves lost, and refuses what comes later", async () => {
  const { worker, engine } = await start();
  const signal = new AbortController().signal;
  const running = [0, 1, 2].map((i) =>
    drain(engine.generate({ ...REQUEST, id: `${i}` }, signal)).catch((error) => error)
  );
  const integrity = engine.checkIntegrity().catch((error) => error);
  worker.say({ kind: "lost", error: LOST });
  for (const error of [...await Promise.all(running), await integrity, await engine.lost]) {
    assert.equal(error.code, "device_lost");
    assert.equal(error.message, LOST.message);
  }
  await assert.rejects(drain(engine.generate(REQUEST, signal)), { code: "device_lost" });
  await assert.rejects(engine.checkIntegrity(), { code: "device_lost" });
  await engine.close();
  assert.ok(worker.terminated);
});

Deno.test("what was drawn before the loss is yielded before it is thrown", async () => {
  const { worker, engine } = await start();
  const kinds: string[] = [];
  const running = (async () => {
    for await (const { kind } of engine.generate(REQUEST, new AbortController().signal)) {
      kinds.push(kind);
    }
  })();
  const outcomes: Outcome[] = [
    { id: "it", event: { kind: "started", cachedTokens: 0 } },
    { id: "it", event: { kind: "tokens", tokens: [{ token: 3 }] } },
  ];
  worker.say({ kind: "step", outcomes, stats: engine.stats() });
  worker.say({ kind: "lost", error: LOST });
  await assert.rejects(running, { code: "device_lost" });
  assert.deepEqual(kinds, ["started", "tokens"]);
});

Deno.test("a worker that crashes is lost, and the error is not left to end the process", async () => {
  const { worker, engine } = await start();
  const running = drain(engine.generate(REQUEST, new AbortController().signal));
  worker.crash("it panicked");
  await assert.rejects(running, { code: "internal", message: /it panicked/ });
  assert.match((await engine.lost).message, /it panicked/);
  await engine.close();
});

Deno.test("a loss while closing does not leave the close waiting", async () => {
  const { worker, engine } = await start();
  const closed = engine.close();
  worker.say({ kind: "lost", error: LOST });
  await closed;
  assert.ok(worker.terminated);
});

Deno.test("an ordinary close is no loss", async () => {
  const { worker, engine } = await start();
  let lost = false;
  engine.lost.then(() => lost = true);
  const closed = engine.close();
  worker.say({ kind: "closed" });
  await closed;
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(lost, false);
});

Deno.test("a close that ends with the process leaves the worker to it", async () => {
  const { worker, engine } = await start({ endsWithProcess: true });
  const closed = engine.close();
  worker.say({ kind: "closed" });
  await closed;
  assert.ok(!worker.terminated);
});

Deno.test("an abort after the end is not sent, nor are events of a request nobody has", async () => {
  const { worker, engine } = await start();
  const controller = new AbortController();
  const running = drain(engine.generate(REQUEST, controller.signal));
  const timings = { queue_ms: 0, upload_ms: 0, prefill_ms: 0, decode_ms: 0 };
  const finished = { kind: "finished", reason: "length", timings } as const;
  worker.say({
    kind: "step",
    outcomes: [{ id: "it", event: finished }, { id: "nobody", event: finished }],
    stats: engine.stats(),
  });
  await running;
  controller.abort();
  assert.ok(worker.received.every(({ kind }) => kind !== "abort"));
});

Deno.test("a worker that does not answer a close is terminated, and what ran ends with an error", async () => {
  const { worker, engine } = await start({ closeTimeoutMs: 5 });
  const signal = new AbortController().signal;
  const ends = [
    drain(engine.generate(REQUEST, signal)),
    engine.holdAdapter("a"),
    engine.checkIntegrity(),
  ].map((end) => assert.rejects(end, { code: "unavailable", message: "The engine was closed" }));
  await engine.close();
  assert.ok(worker.terminated);
  await Promise.all(ends);
  await assert.rejects(engine.holdAdapter("a"), { code: "unavailable" });
});

Deno.test("a hold resolves when the worker says so, and is released once or more", async () => {
  const { worker, engine } = await start();
  const holds = [engine.holdAdapter("a"), engine.holdAdapter("b")];
  worker.say({ kind: "held", id: 1, error: null });
  const b = await holds[1];
  assert.deepEqual(worker.received.slice(1), [
    { kind: "hold", id: 0, generation: "a" },
    { kind: "hold", id: 1, generation: "b" },
  ]);
  const error = { code: "overloaded", message: "full", reason: "gpu_full" } as const;
  worker.say({ kind: "held", id: 0, error });
  await assert.rejects(holds[0], { code: "overloaded", reason: "gpu_full" });
  b.release();
  b.release();
  assert.deepEqual(worker.received.slice(3), [{ kind: "unhold", id: 1 }]);
});

Deno.test("an aborted hold is rejected with the signal's reason and withdrawn", async () => {
  const { worker, engine } = await start();
  const controller = new AbortController();
  const hold = engine.holdAdapter("a", controller.signal);
  const reason = new Error("not wanted any more");
  controller.abort(reason);
  await assert.rejects(hold, reason);
  assert.deepEqual(worker.received.at(-1), { kind: "unhold", id: 0 });
  // The worker's answer crosses with it.
  worker.say({ kind: "held", id: 0, error: null });
  const count = worker.received.length;
  await assert.rejects(engine.holdAdapter("a", controller.signal), reason);
  assert.equal(worker.received.length, count);
});

Deno.test("a loss rejects holds that wait, and releasing one that is held then does nothing", async () => {
  const { worker, engine } = await start();
  const held = engine.holdAdapter("a");
  worker.say({ kind: "held", id: 0, error: null });
  const waits = engine.holdAdapter("b");
  worker.say({ kind: "lost", error: LOST });
  await assert.rejects(waits, { code: "device_lost" });
  (await held).release();
  assert.ok(worker.received.every(({ kind }) => kind !== "unhold"));
});

Deno.test("an adapter crosses in parts, each asked for and loaded anew", async () => {
  const values = (length: number) => new Float32Array(length).fill(1);
  const modules = [0, 1, 2].map((layer) => ({
    layer,
    projection: "q" as const,
    rank: 1,
    scale: 1,
    a: values(1000),
    b: values(700_000),
  }));
  const weights = { generation: "g", maxRank: 1, modules };
  let loads = 0;
  const loadAdapter = () => Promise.resolve((loads++, weights));
  const { worker, engine } = await start({ loadAdapter });
  for (const from of [0, 1, 2]) {
    worker.say({ kind: "need_adapter", question: { generation: "g", from } });
  }
  const parts = () => worker.received.filter((message) => message.kind === "adapter_part");
  while (parts().length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(loads, 3);
  assert.deepEqual(parts().map(({ part }) => [part.from, part.modules.length]), [
    [0, 1],
    [1, 1],
    [2, 1],
  ]);
  assert.deepEqual(parts()[0].part.whole!.starts, [0, 1, 2]);
  worker.say({ kind: "need_adapter", question: { generation: "g", from: 7 } });
  worker.say({ kind: "need_adapter", question: { generation: "other", from: 0 } });
  const failures = () => worker.received.filter((message) => message.kind === "adapter_failed");
  while (failures().length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(failures().map(({ question, error }) => [question.generation, error.code]), [
    ["g", "internal"],
    ["other", "internal"],
  ]);
  const closed = engine.close();
  worker.say({ kind: "closed" });
  await closed;
});
