import assert from "node:assert/strict";
import { chat, createHarness, readEvents, settled } from "./harness.ts";

const PATH = "/v1/chat/completions";
const endless = () => Array<number>(400).fill(97);

Deno.test("cancelling a stream aborts every choice and releases the adapters", async () => {
  const h = createHarness({ engine: { answer: endless, delayMs: 1 } });
  const response = await h.post(PATH, chat({ stream: true, n: 4, lora: [{ id: "sql" }] }));
  const reader = response.body!.getReader();
  for (let i = 0; i < 6; i++) await reader.read();
  assert.equal(h.engine.running.size, 4);
  await reader.cancel();
  await settled(h);
  assert.equal(h.engine.aborted.length, 4);
  assert.equal(h.logs.at(-1)?.status, 499);
  assert.ok(Number(h.logs.at(-1)?.completion_tokens) < 100);
});

Deno.test("cancelling a stream before reading anything frees it too", async () => {
  const h = createHarness({ engine: { answer: endless, delayMs: 1 } });
  const response = await h.post(PATH, chat({ stream: true, n: 2, model: "sql" }));
  await response.body!.cancel();
  await settled(h);
  assert.equal(h.logs.length, 1);
});

Deno.test("a client that goes away while waiting for a whole answer aborts it", async () => {
  const h = createHarness({ engine: { answer: endless, delayMs: 2 } });
  const client = new AbortController();
  const pending = h.app.request(
    new Request(`http://weft${PATH}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(chat({ n: 3, model: "sql" })),
      signal: client.signal,
    }),
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(h.engine.running.size, 3);
  client.abort();
  assert.equal((await pending).status, 499);
  await settled(h);
  assert.equal(h.engine.aborted.length, 3);
});

Deno.test("a client gone before its request is read never reaches the engine's batch", async () => {
  const h = createHarness({ engine: { answer: endless } });
  const request = new Request(`http://weft${PATH}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(chat({ stream: true })),
    signal: AbortSignal.abort(),
  });
  assert.equal((await h.app.request(request)).status, 499);
  assert.equal(h.engine.events, 0);
  await settled(h);
});

Deno.test("a slow reader holds the engine's events back instead of piling up chunks", async () => {
  const h = createHarness({ engine: { answer: endless } });
  const response = await h.post(PATH, chat({ stream: true }));
  const reader = response.body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(h.engine.events < 5, `${h.engine.events} events taken for one chunk read`);
  await reader.cancel();
  await settled(h);
});

Deno.test("32 streams at once, with aborts and bad requests among them, disturb nobody", async () => {
  const h = createHarness({
    engine: {
      burst: 3,
      answer: (r) => new TextEncoder().encode(`<${r.mixture[0]?.weight}>`.repeat(9)),
    },
  });
  await Promise.all(Array.from({ length: 32 }, async (_, i) => {
    if (i % 4 === 1) {
      const response = await h.post(PATH, chat({ stream: true, n: 2, model: "sql" }));
      const reader = response.body!.getReader();
      await reader.read();
      return await reader.cancel();
    }
    if (i % 4 === 2) {
      const response = await h.post(PATH, chat({ stream: true, temperature: -1 }));
      assert.equal(response.status, 400);
      return await response.body!.cancel();
    }
    const lora = [{ id: "poet", scale: i }];
    const events = await readEvents(await h.post(PATH, chat({ stream: true, lora })));
    assert.equal(events.pop(), "[DONE]");
    const text = events.map((event) => event.choices[0].delta.content ?? "").join("");
    assert.equal(text, `<${i}>`.repeat(9));
  }));
  await settled(h);
});
