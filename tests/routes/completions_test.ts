import assert from "node:assert/strict";
import type { GenerateRequest } from "../../engine/core/generation.ts";
import { bytesOf } from "./byte_tokenizer.ts";
import { createHarness, errorOf, type Json, readEvents, settled } from "./harness.ts";

const PATH = "/v1/completions";

/** Answers with the prompt in capitals, so that answers tell prompts apart. */
function shout(request: GenerateRequest): Uint8Array {
  const prompt = new TextDecoder().decode(Uint8Array.from(request.promptTokens));
  return bytesOf(prompt.toUpperCase());
}

const PROMPTS: [name: string, prompt: unknown, texts: string[]][] = [
  ["a string", "abc", ["ABC"]],
  ["a list of strings", ["ab", "cd", "é"], ["AB", "CD", "É"]],
  ["token ids", [97, 98], ["AB"]],
  ["lists of token ids", [[97], [98, 99]], ["A", "BC"]],
];

for (const [name, prompt, texts] of PROMPTS) {
  Deno.test(`a prompt may be ${name}, streamed or not`, async () => {
    const h = createHarness({ engine: { answer: shout } });
    const body = await (await h.post(PATH, { model: "demo", prompt })).json();
    assert.equal(body.object, "text_completion");
    assert.match(body.id, /^cmpl-[0-9a-f]{32}$/);
    assert.deepEqual(body.choices.map((c: Json) => c.text), texts);
    assert.deepEqual(body.choices.map((c: Json) => c.index), texts.map((_, i) => i));
    assert.ok(body.choices.every((c: Json) => c.finish_reason === "stop" && c.logprobs === null));
    assert.equal(body.usage.prompt_tokens, bytesOf(texts.join("")).length);

    const events = await readEvents(await h.post(PATH, { model: "demo", prompt, stream: true }));
    assert.equal(events.pop(), "[DONE]");
    const streamed = texts.map((_, i) =>
      events.filter((event) => event.choices[0].index === i)
        .map((event) => event.choices[0].text).join("")
    );
    assert.deepEqual(streamed, texts);
    await settled(h);
  });
}

Deno.test("n answers to several prompts are numbered prompt by prompt", async () => {
  const h = createHarness({ engine: { answer: shout, cachedTokens: 1 } });
  const body = await (await h.post(PATH, { model: "demo", prompt: ["a", "b"], n: 2 })).json();
  assert.deepEqual(body.choices.map((c: Json) => c.text), ["A", "A", "B", "B"]);
  assert.equal(body.usage.prompt_tokens, 2);
  // Each prompt counts once, however many answers read it.
  assert.equal(body.usage.prompt_tokens_details.cached_tokens, 2);
});

Deno.test("16 tokens are generated where nothing is said", async () => {
  const h = createHarness({ engine: { answer: () => bytesOf("x".repeat(40)) } });
  const body = await (await h.post(PATH, { model: "demo", prompt: "a" })).json();
  assert.equal(body.choices[0].text, "x".repeat(16));
  assert.equal(body.choices[0].finish_reason, "length");
});

for (const prompt of ["ab", [97, 98]]) {
  Deno.test(`echo repeats the prompt ${JSON.stringify(prompt)}, streamed or not`, async () => {
    const h = createHarness({ engine: { answer: shout } });
    const body = await (await h.post(PATH, { model: "demo", prompt, echo: true })).json();
    assert.equal(body.choices[0].text, "abAB");
    const fields = { model: "demo", prompt, echo: true, stream: true };
    const events = await readEvents(await h.post(PATH, fields));
    events.pop();
    assert.equal(events.map((event) => event.choices[0].text).join(""), "abAB");
  });
}

Deno.test("echo with logprobs is refused, for the prompt's are not computed", async () => {
  const h = createHarness();
  const fields = { model: "demo", prompt: "a", echo: true, logprobs: 1 };
  const error = await errorOf(await h.post(PATH, fields), 422);
  assert.equal(error.param, "logprobs");
});

Deno.test("logprobs have the shape of parallel lists with offsets", async () => {
  const h = createHarness({ engine: { answer: () => bytesOf("aé") } });
  const body = await (await h.post(PATH, { model: "demo", prompt: "p", logprobs: 2 })).json();
  assert.deepEqual(body.choices[0].logprobs, {
    tokens: ["a", "bytes:\\xc3", "bytes:\\xa9"],
    token_logprobs: [-0.5, -0.5, -0.5],
    top_logprobs: [
      { a: -0.5, b: -1.5 },
      { "bytes:\\xc3": -0.5, "bytes:\\xc4": -1.5 },
      { "bytes:\\xa9": -0.5, "bytes:\\xaa": -1.5 },
    ],
    text_offset: [0, 1, 1],
  });
});

Deno.test("include_usage works as in chat", async () => {
  const h = createHarness({ engine: { answer: shout } });
  const fields = {
    model: "demo",
    prompt: "abc",
    stream: true,
    stream_options: { include_usage: true },
  };
  const events = await readEvents(await h.post(PATH, fields));
  assert.equal(events.pop(), "[DONE]");
  const last = events.pop();
  assert.deepEqual(last.choices, []);
  assert.deepEqual(last.usage, {
    prompt_tokens: 3,
    completion_tokens: 4,
    total_tokens: 7,
    prompt_tokens_details: { cached_tokens: 0 },
  });
  assert.ok(events.every((event) => event.usage === null));
});

const BAD: [name: string, fields: Record<string, unknown>, status: number, param: string][] = [
  ["no prompt", {}, 400, "prompt"],
  ["an empty list", { prompt: [] }, 400, "prompt"],
  ["a list of mixed kinds", { prompt: ["a", 1] }, 400, "prompt"],
  ["an empty string", { prompt: "" }, 400, "prompt"],
  ["an empty list of tokens", { prompt: [[]] }, 400, "prompt[0]"],
  ["a token beyond the vocabulary", { prompt: [1, 258] }, 400, "prompt[1]"],
  ["such a token in a later prompt", { prompt: [[1], [258]] }, 400, "prompt[1][0]"],
  ["too many prompts", { prompt: Array(129).fill("a") }, 400, "prompt"],
  ["too many answers", { prompt: Array(100).fill("a"), n: 2 }, 400, "n"],
  ["a suffix", { prompt: "a", suffix: "b" }, 422, "suffix"],
  ["best_of beyond n", { prompt: "a", best_of: 3 }, 422, "best_of"],
  ["logprobs beyond 20", { prompt: "a", logprobs: 21 }, 400, "logprobs"],
];

for (const [name, fields, status, param] of BAD) {
  Deno.test(`${name} is refused with ${status} naming ${param}`, async () => {
    const h = createHarness();
    const error = await errorOf(await h.post(PATH, { model: "demo", ...fields }), status);
    assert.equal(error.param, param);
    assert.equal(h.engine.requests.length, 0);
    await settled(h);
  });
}
