import assert from "node:assert/strict";
import { choiceSeed } from "../../routes/generation/sampling.ts";
import { bytesOf, EOS } from "./byte_tokenizer.ts";
import { DEFAULT_ANSWER } from "./fake_engine.ts";
import { chat, createHarness, type Json, readEvents, settled } from "./harness.ts";

const PATH = "/v1/chat/completions";
const ANSWER_TOKENS = bytesOf(DEFAULT_ANSWER).length;
const PROMPT_TOKENS = "_<user>Hi<assistant>".length;

Deno.test("a chat answer has OpenAI's shape, usage and Weft's extension", async () => {
  const h = createHarness({ engine: { cachedTokens: 5 } });
  const response = await h.post(PATH, chat());
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  assert.match(body.id, /^chatcmpl-[0-9a-f]{32}$/);
  const { fetch_ms, ...timings } = body.weft.timings;
  assert.ok(fetch_ms >= 0);
  assert.deepEqual({ ...body, id: "", weft: { ...body.weft, timings } }, {
    id: "",
    object: "chat.completion",
    created: 1_800_000_000,
    model: "demo",
    choices: [{
      index: 0,
      message: { role: "assistant", content: DEFAULT_ANSWER, refusal: null },
      logprobs: null,
      finish_reason: "stop",
    }],
    usage: {
      prompt_tokens: PROMPT_TOKENS,
      completion_tokens: ANSWER_TOKENS + 1,
      total_tokens: PROMPT_TOKENS + ANSWER_TOKENS + 1,
      prompt_tokens_details: { cached_tokens: 5 },
    },
    weft: {
      adapters: [],
      timings: { queue_ms: 1, upload_ms: 0, prefill_ms: 2, decode_ms: 3 },
    },
  });
  await settled(h);
});

for (const burst of [1, 2, 3, 7, 100]) {
  Deno.test(`a stream in bursts of ${burst} spells the answer in whole characters`, async () => {
    const h = createHarness({ engine: { burst } });
    const events = await readEvents(await h.post(PATH, chat({ stream: true })));
    assert.equal(events.pop(), "[DONE]");
    assert.deepEqual(events[0].choices[0].delta, { role: "assistant", content: "" });
    assert.equal(
      new Set(events.map(({ id, created, model }) => `${id} ${created} ${model}`)).size,
      1,
    );
    for (const event of events) {
      assert.equal(event.object, "chat.completion.chunk");
      assert.ok(!("usage" in event));
      assert.ok(!/\uFFFD/.test(event.choices[0].delta.content ?? ""));
    }
    const text = events.map((event) => event.choices[0].delta.content ?? "").join("");
    assert.equal(text, DEFAULT_ANSWER);
    const reasons = events.map((event) => event.choices[0].finish_reason);
    assert.deepEqual(reasons.filter((reason) => reason !== null), ["stop"]);
    assert.equal(reasons.at(-1), "stop");
    assert.deepEqual(events.at(-1).choices[0].delta, {});
    assert.deepEqual(events.at(-1).weft.adapters, []);
    await settled(h);
  });
}

Deno.test("include_usage adds a last chunk with no choices and null before it", async () => {
  const h = createHarness();
  const events = await readEvents(
    await h.post(PATH, chat({ stream: true, stream_options: { include_usage: true }, n: 2 })),
  );
  assert.equal(events.pop(), "[DONE]");
  const last = events.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.prompt_tokens, PROMPT_TOKENS);
  assert.equal(last.usage.completion_tokens, 2 * (ANSWER_TOKENS + 1));
  assert.ok(last.weft.timings.decode_ms > 0);
  assert.ok(events.every((event) => event.usage === null));
  assert.equal(events.filter((event) => "weft" in event).length, 0);
});

Deno.test("a length limit ends an answer as length, an incomplete character as U+FFFD", async () => {
  const h = createHarness();
  const maxTokens = bytesOf("Hello, w").length + 1;
  const body = await (await h.post(PATH, chat({ max_completion_tokens: maxTokens }))).json();
  assert.equal(body.choices[0].finish_reason, "length");
  assert.equal(body.choices[0].message.content, "Hello, w\uFFFD");
  assert.equal(body.usage.completion_tokens, maxTokens);
});

Deno.test("without a limit the answer may fill the context", async () => {
  const h = createHarness({ engine: { maxModelLen: 100 } });
  await h.post(PATH, chat());
  assert.equal(h.engine.requests[0].maxTokens, 100 - PROMPT_TOKENS);
});

for (const burst of [1, 4, 100]) {
  for (const stream of [false, true]) {
    Deno.test(`a stop string over bursts of ${burst} (stream: ${stream}) is cut and ends the engine's work`, async () => {
      const h = createHarness({ engine: { burst, answer: () => bytesOf("one two three four") } });
      const response = await h.post(PATH, chat({ stop: ["xyz", "three"], stream }));
      let text: string;
      let reason: string;
      if (stream) {
        const events = await readEvents(response);
        assert.equal(events.pop(), "[DONE]");
        text = events.map((event) => event.choices[0].delta.content ?? "").join("");
        reason = events.at(-1).choices[0].finish_reason;
      } else {
        const body = await response.json();
        text = body.choices[0].message.content;
        reason = body.choices[0].finish_reason;
        assert.equal(body.usage.completion_tokens, "one two three".length);
      }
      assert.equal(text, "one two ");
      assert.equal(reason, "stop");
      assert.deepEqual(h.engine.requests[0].pauseTokens, [122, 101]);
      // In bursts of 1, the answer had more to come: the engine must have been stopped.
      assert.equal(h.engine.aborted.length, 1);
      await settled(h);
    });
  }
}

Deno.test("what only looked like a stop string comes out at the end", async () => {
  const h = createHarness({ engine: { answer: () => bytesOf("one thr") } });
  const body = await (await h.post(PATH, chat({ stop: "three" }))).json();
  assert.equal(body.choices[0].message.content, "one thr");
  assert.equal(body.choices[0].finish_reason, "stop");
});

Deno.test("stop_token_ids and ignore_eos decide which tokens end an answer", async () => {
  const h = createHarness({ engine: { answer: () => bytesOf("abcd") } });
  const body = await (await h.post(PATH, chat({ stop_token_ids: [99] }))).json();
  assert.equal(body.choices[0].message.content, "ab");
  assert.equal(body.choices[0].finish_reason, "stop");
  assert.equal(body.usage.completion_tokens, 3);
  assert.deepEqual(h.engine.requests[0].stopTokens, [99, EOS]);
  await (await h.post(PATH, chat({ ignore_eos: true, max_tokens: 4 }))).json();
  assert.deepEqual(h.engine.requests[1].stopTokens, []);
});

Deno.test("n answers run side by side with seeds of their own, each stream with its index", async () => {
  const answer = (request: { sampling: { seed: number } }) => bytesOf(`s${request.sampling.seed}`);
  const h = createHarness({ engine: { answer } });
  const body = await (await h.post(PATH, chat({ n: 3, seed: 7 }))).json();
  const expected = [0, 1, 2].map((i) => `s${choiceSeed(7, i)}`);
  assert.equal(expected[0], "s7");
  assert.equal(new Set(expected).size, 3);
  assert.deepEqual(body.choices.map((c: Json) => [c.index, c.message.content]), [
    [0, expected[0]],
    [1, expected[1]],
    [2, expected[2]],
  ]);
  assert.equal(body.usage.prompt_tokens, PROMPT_TOKENS);

  const events = await readEvents(await h.post(PATH, chat({ n: 3, seed: 7, stream: true })));
  assert.equal(events.pop(), "[DONE]");
  for (const [i, text] of expected.entries()) {
    const own = events.filter((event) => event.choices[0].index === i);
    assert.equal(own[0].choices[0].delta.role, "assistant");
    assert.equal(own.map((event) => event.choices[0].delta.content ?? "").join(""), text);
    assert.equal(own.at(-1).choices[0].finish_reason, "stop");
  }
  assert.equal(events.filter((event) => "weft" in event).length, 1);
  assert.ok("weft" in events.at(-1));
});

Deno.test("sampling fields reach the engine in its own terms; null means not set", async () => {
  const h = createHarness();
  const set = {
    temperature: 0.5,
    top_p: 0.9,
    top_k: 40,
    min_p: 0.1,
    repetition_penalty: 1.1,
    frequency_penalty: -1,
    presence_penalty: 2,
    logit_bias: { "65": -100, "66": 5 },
    seed: 2 ** 40 + 1,
  };
  assert.equal((await h.post(PATH, chat(set))).status, 200);
  assert.deepEqual(h.engine.requests[0].sampling, {
    temperature: 0.5,
    topK: 40,
    topP: 0.9,
    minP: 0.1,
    repetitionPenalty: 1.1,
    frequencyPenalty: -1,
    presencePenalty: 2,
    logitBias: new Map([[65, -100], [66, 5]]),
    seed: 257,
    logprobs: null,
  });
  const unset = Object.fromEntries(Object.keys(set).map((field) => [field, null]));
  const nulls = { ...unset, stop: null, n: null, stream: null, lora: null, max_tokens: null };
  assert.equal((await h.post(PATH, chat(nulls))).status, 200);
  const { seed, ...neutral } = h.engine.requests[1].sampling;
  assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
  assert.deepEqual(neutral, {
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    logitBias: new Map(),
    logprobs: null,
  });
});

for (const stream of [false, true]) {
  Deno.test(`logprobs (stream: ${stream}) spell exactly the text that is shown`, async () => {
    const h = createHarness({ engine: { burst: 3, answer: () => bytesOf("né!END more") } });
    const fields = { logprobs: true, top_logprobs: 2, stop: "END", stream };
    const response = await h.post(PATH, chat(fields));
    let entries: Json[];
    if (stream) {
      const events = await readEvents(response);
      events.pop();
      entries = events.flatMap((event) => event.choices[0].logprobs?.content ?? []);
    } else {
      const body = await response.json();
      assert.equal(body.choices[0].message.content, "né!");
      entries = body.choices[0].logprobs.content;
    }
    assert.deepEqual(entries.flatMap((entry) => entry.bytes), [...bytesOf("né!")]);
    assert.equal(entries[0].token, "n");
    assert.equal(entries[0].logprob, -0.5);
    assert.deepEqual(entries[0].top_logprobs, [
      { token: "n", logprob: -0.5, bytes: [110] },
      { token: "o", logprob: -1.5, bytes: [111] },
    ]);
  });
}

Deno.test("messages may be text parts, developers and empty assistant turns", async () => {
  const h = createHarness();
  const messages = [
    { role: "developer", content: "Be kind" },
    { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
    { role: "assistant", content: null, tool_calls: [] },
    { role: "user", content: "c", name: "Ann" },
  ];
  assert.equal((await h.post(PATH, chat({ messages }))).status, 200);
  const text = new TextDecoder().decode(
    Uint8Array.from(h.engine.requests[0].promptTokens.slice(1)),
  );
  assert.equal(text, "<developer>Be kind<user>ab<assistant><user>c<assistant>");
});

Deno.test("fields nobody knows are accepted and named in the answer and the log", async () => {
  const h = createHarness();
  const extra = { vendor_field: 1, user: "u", store: false, metadata: { a: "b" } };
  const body = await (await h.post(PATH, chat(extra))).json();
  assert.deepEqual(body.weft.ignored_fields, ["vendor_field"]);
  assert.equal(h.logs.at(-1)?.ignored_fields, "vendor_field");
});
