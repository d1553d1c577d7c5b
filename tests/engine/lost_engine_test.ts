import assert from "node:assert/strict";
import { EngineClient, type WorkerPort } from "../../engine/client.ts";
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

async function start({ endsWithProcess }: { endsWithProcess?: boolean } = {}) {
  const worker = new StandIn();
  const loadAdapter = () => new Promise<never>(() => {});
  const engine = new EngineClient(worker, { loadAdapter, endsWithProcess });
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
