import assert from "node:assert/strict";
import OpenAI from "openai";
import { ask, neverEnding, stream, tokensLasting } from "./requests.ts";
import { pause, startServer, type TestServer } from "./server_process.ts";

/** Runs `body` with a stream of about that length under way, SIGTERM sent. */
async function whileDraining(
  { flags = [], ms }: { flags?: string[]; ms: number },
  body: (
    server: TestServer,
    running: ReturnType<typeof stream>,
    tokens: number,
  ) => Promise<void>,
): Promise<void> {
  const server = await startServer({ flags });
  try {
    const tokens = await tokensLasting(server, ms);
    const begun = Promise.withResolvers<void>();
    const running = stream(
      server,
      { max_tokens: tokens, logit_bias: await neverEnding() },
      { onText: () => begun.resolve() },
    );
    running.catch(begun.reject);
    await begun.promise;
    server.process.kill("SIGTERM");
    await body(server, running, tokens);
    server.process.logs();
  } catch (error) {
    try {
      server.process.kill("SIGKILL");
    } catch { /* it has ended */ }
    await server.process.exit();
    throw new Error(`${error}\n${server.process.stderr}`, { cause: error });
  }
}

Deno.test("SIGTERM: not ready, no new requests, the running stream ends whole, exit code 0", async () => {
  await whileDraining({ ms: 1500 }, async (server, running, tokens) => {
    await pause(100);
    const ready = await fetch(`${server.url}/ready`);
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), { status: "draining" });
    const live = await fetch(`${server.url}/live`);
    assert.equal(live.status, 200);
    await live.body?.cancel();
    await assert.rejects(() => ask(server), (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError);
      assert.equal(error.status, 503);
      assert.ok(Number(error.headers.get("retry-after")) >= 1);
      assert.match(error.message, /shutting down/);
      return true;
    });
    const { reason, usage } = await running;
    assert.equal(reason, "length");
    assert.equal(usage?.completion_tokens, tokens);
    assert.equal(await server.process.exit(), 0);
    const drained = server.process.logs().find(({ event }) => event === "drained");
    assert.equal(drained?.complete, true);
  });
});

Deno.test("--drain-seconds cuts an endless stream off with an error event, exit code 0", async () => {
  const flags = ["--drain-seconds", "1"];
  await whileDraining({ flags, ms: 60_000 }, async (server, running) => {
    await assert.rejects(running, (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.match(error.message, /shut down before this answer was complete/);
      return true;
    });
    assert.equal(await server.process.exit(), 0);
    const drained = server.process.logs().find(({ event }) => event === "drained");
    assert.equal(drained?.complete, false);
  });
});

Deno.test("a second signal ends the process at once, with the signal's exit code", async () => {
  await whileDraining({ ms: 60_000 }, async (server, running) => {
    await pause(100);
    const sentAt = performance.now();
    server.process.kill("SIGINT");
    assert.equal(await server.process.exit(), 130);
    assert.ok(performance.now() - sentAt < 3000);
    await assert.rejects(running);
  });
});
