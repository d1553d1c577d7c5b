import assert from "node:assert/strict";
import { sentenceOf, SENTENCES } from "../fake_router.ts";
import { chat, createHarness, errorOf, type Json, readEvents, settled } from "../harness.ts";

const CHAT = "/v1/chat/completions";
const COMPLETIONS = "/v1/completions";

const SHOWN = [
  {
    choice: 0,
    index: 0,
    start: 0,
    adapters: [{ id: "sql", generation: "aaaa", weight: 1 }],
    confidence: 0.75,
    entropy: 0.5,
    abstained: false,
    kept: false,
    missed: [],
    router: "0".repeat(64),
  },
  {
    choice: 0,
    index: 1,
    start: 5,
    adapters: [
      { id: "poet", generation: "bbbb", weight: 0.75 },
      { id: "sql", generation: "aaaa", weight: 0.25 },
    ],
    confidence: 0.5,
    entropy: 0.5,
    abstained: false,
    kept: false,
    missed: ["chef"],
    router: "0".repeat(64),
  },
];

Deno.test("auto hands the engine the text to route, with the router's own calibration", async () => {
  const h = createHarness({ engine: { router: {} } });
  const response = await h.post(CHAT, chat({ model: "auto" }));
  const { weft, model } = await response.json();
  assert.equal(response.status, 200, JSON.stringify(weft));
  assert.equal(model, "auto");
  const [{ routing, mixture }] = h.engine.requests;
  assert.deepEqual(mixture, []);
  assert.equal(new TextDecoder().decode(Uint8Array.from(routing!.text)), "Hi\n");
  assert.deepEqual(routing!.options, {
    mode: "top-p",
    p: 0.8,
    maxAdapters: 8,
    minConfidence: 0.25,
    hysteresis: 0.1,
    firstToken: "redraw",
    kvPolicy: "carry",
    onMiss: "wait",
    scope: "sentence",
  });
  await settled(h);
});

Deno.test("each field of routing reaches the engine, and null is what is not set", async () => {
  const h = createHarness({ engine: { router: {} } });
  const routing = {
    mode: "threshold",
    top_p: 0.3,
    max_adapters: 2,
    min_confidence: 0,
    hysteresis: 1,
    first_token: "keep",
    on_miss: "renormalise",
    scope: "prompt",
  };
  await (await h.post(CHAT, chat({ model: "auto", routing, kv_policy: "recompute" }))).json();
  await (await h.post(CHAT, chat({ model: "auto", routing: { kv_policy: "recompute" } }))).json();
  const nulls = { routing: { mode: null, top_p: null }, kv_policy: null };
  await (await h.post(CHAT, chat({ model: "auto", ...nulls }))).json();
  await (await h.post(CHAT, chat({ model: "auto", routing: { mode: "threshold" } }))).json();
  const options = h.engine.requests.map(({ routing }) => routing!.options);
  assert.deepEqual(options[0], {
    mode: "threshold",
    p: 0.3,
    maxAdapters: 2,
    minConfidence: 0,
    hysteresis: 1,
    firstToken: "keep",
    kvPolicy: "recompute",
    onMiss: "renormalise",
    scope: "prompt",
  });
  assert.equal(options[1].kvPolicy, "recompute");
  assert.deepEqual([options[2].mode, options[2].p, options[2].kvPolicy], ["top-p", 0.8, "carry"]);
  assert.equal(options[3].p, 0.1, "a threshold is no mass");
});

const REFUSED: [fields: Json, param: string][] = [
  [{ routing: "top-p" }, "routing"],
  [{ routing: { mode: "best" } }, "routing.mode"],
  [{ routing: { first_token: "drop" } }, "routing.first_token"],
  [{ routing: { top_p: 1.1 } }, "routing.top_p"],
  [{ routing: { top_p: "0.5" } }, "routing.top_p"],
  [{ routing: { max_adapters: 0 } }, "routing.max_adapters"],
  [{ routing: { max_adapters: 9 } }, "routing.max_adapters"],
  [{ routing: { max_adapters: 1.5 } }, "routing.max_adapters"],
  [{ routing: { min_confidence: -1 } }, "routing.min_confidence"],
  [{ routing: { hysteresis: 2 } }, "routing.hysteresis"],
  [{ routing: { on_miss: "fail" } }, "routing.on_miss"],
  [{ routing: { scope: "token" } }, "routing.scope"],
  [{ routing: { topP: 0.5 } }, "routing"],
  [{ kv_policy: "drop" }, "kv_policy"],
  [{ kv_policy: "carry", routing: { kv_policy: "recompute" } }, "kv_policy"],
  [{ lora: [{ id: "sql" }] }, "lora"],
];

for (const [fields, param] of REFUSED) {
  Deno.test(`auto with ${JSON.stringify(fields)} is refused with 400 naming ${param}`, async () => {
    const h = createHarness({ engine: { router: {} } });
    for (const [path, rest] of [[CHAT, {}], [COMPLETIONS, { prompt: "a" }]] as const) {
      const error = await errorOf(
        await h.post(path, chat({ model: "auto", ...rest, ...fields })),
        400,
      );
      assert.equal(error.param, param, error.message);
    }
    assert.equal(h.engine.requests.length, 0);
  });
}

Deno.test("a whole answer names every sentence's mixture, and how long routing took", async () => {
  const h = createHarness({ engine: { router: {} } });
  const { weft } = await (await h.post(CHAT, chat({ model: "auto" }))).json();
  assert.deepEqual(weft.sentences, SHOWN);
  assert.equal(weft.timings.route_ms, 4);
  assert.equal("adapters" in weft, false);
  const line = h.logs.findLast(({ event, path }) => event === "request" && path === CHAT);
  assert.equal(line?.adapters, "sql,poet");
  await settled(h);
});

Deno.test("a sentence's mixture, sent as lora, is the mixture that the engine gets", async () => {
  const h = createHarness({ engine: { router: {} } });
  const { weft } = await (await h.post(CHAT, chat({ model: "auto" }))).json();
  const lora = weft.sentences[1].adapters.map(({ id, weight }: Json) => ({ id, scale: weight }));
  await (await h.post(CHAT, chat({ lora }))).json();
  const routed = SENTENCES[1].adapters.map(({ generation, weight }) => ({ generation, weight }));
  assert.deepEqual(h.engine.requests.at(-1)!.mixture, routed);
});

for (const burst of [1, 4, 100]) {
  Deno.test(`a stream names a sentence with its first text, all at the end (bursts of ${burst})`, async () => {
    const h = createHarness({ engine: { router: {}, burst } });
    const events = await readEvents(
      await h.post(CHAT, chat({ model: "auto", stream: true })),
    );
    const chunks = events.slice(0, -1);
    const carrying = chunks.filter((chunk: Json) => chunk.weft && !chunk.choices[0].finish_reason);
    const shown = carrying.flatMap((chunk: Json) => chunk.weft.sentences);
    assert.deepEqual(shown, SHOWN);
    for (const chunk of carrying) assert.notEqual(chunk.choices[0].delta.content, undefined);
    const before = chunks.slice(0, chunks.indexOf(carrying.at(-1)))
      .map((chunk: Json) => chunk.choices[0].delta.content ?? "").join("");
    assert.ok(before.length >= 5, "the second sentence's tokens come after the first's");
    assert.deepEqual(chunks.at(-1).weft.sentences, SHOWN);
    await settled(h);
  });
}

Deno.test("several choices' and prompts' sentences tell whose they are", async () => {
  const h = createHarness({ engine: { router: {} } });
  const body = {
    model: "auto",
    prompt: [[79, 110, 101, 46], [84, 256, 119]],
    n: 2,
    max_tokens: 10,
  };
  const { weft } = await (await h.post(COMPLETIONS, body)).json();
  assert.deepEqual(
    weft.sentences.map(({ choice, index }: Json) => [choice, index]),
    [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1], [3, 0], [3, 1]],
  );
  const texts = h.engine.requests.map(({ routing }) =>
    new TextDecoder().decode(Uint8Array.from(routing!.text))
  );
  assert.deepEqual(texts.sort(), ["One.", "One.", "Tw", "Tw"], "special tokens are left out");
  const events = await readEvents(await h.post(COMPLETIONS, { ...body, stream: true }));
  const seen = events.slice(0, -1).filter(({ choices, weft }: Json) =>
    weft && choices[0]?.finish_reason === null
  );
  assert.equal(seen.length, 8);
  for (const { choices, weft } of seen) {
    for (const { choice } of weft.sentences) assert.equal(choice, choices[0].index);
  }
  await settled(h);
});

Deno.test("a sentence that begins behind a stop string is not told of", async () => {
  const late = sentenceOf({ index: 1, start: 12 });
  const sentences = [SENTENCES[0], late];
  const h = createHarness({ engine: { router: {}, sentences } });
  const { weft } = await (await h.post(CHAT, chat({ model: "auto", stop: "lo" }))).json();
  assert.deepEqual(weft.sentences, SHOWN.slice(0, 1));
  await settled(h);
});

Deno.test("only a prompt's end that the router sees is handed over", async () => {
  const h = createHarness({ engine: { router: { maxTokens: 4 } } });
  await (await h.post(CHAT, chat({ model: "auto" }))).json();
  await (await h.post(COMPLETIONS, { model: "auto", prompt: "abcdefgh" })).json();
  await (await h.post(COMPLETIONS, { model: "auto", prompt: [1, 2, 3, 4, 5, 6] })).json();
  const texts = h.engine.requests.map(({ routing }) => [...routing!.text]);
  assert.deepEqual(texts, [[72, 105, 10], [102, 103, 104, 10], [3, 4, 5, 6]]);
});

Deno.test("a base called auto is the base", async () => {
  const h = createHarness({ engine: { router: {} }, settings: { modelName: "auto" } });
  const { weft } = await (await h.post(CHAT, chat({ model: "auto" }))).json();
  assert.deepEqual(weft.adapters, []);
  assert.equal(h.engine.requests[0].routing, undefined);
});

Deno.test("routed sentences are counted: by adapter, while it has its name", async () => {
  const h = createHarness({ engine: { router: {} } });
  await (await h.post(CHAT, chat({ model: "auto" }))).json();
  const page = async () => await (await h.app.request("/metrics")).text();
  const first = await page();
  for (
    const line of [
      "weft_routes_total 21",
      "weft_route_abstentions_total 22",
      "weft_route_misses_total 23",
      "weft_route_seconds_count 2",
      "weft_route_entropy_nats_sum 1",
      'weft_route_adapters_bucket{le="1"} 1',
      'weft_route_adapters_bucket{le="2"} 2',
      'weft_routed_sentences_total{name="sql"} 2',
      'weft_routed_sentences_total{name="poet"} 1',
    ]
  ) assert.ok(first.split("\n").includes(line), line);
  h.adapters.delete("sql");
  assert.doesNotMatch(await page(), /weft_routed_sentences_total\{name="sql"/);
  await h.classes.settled();
});
