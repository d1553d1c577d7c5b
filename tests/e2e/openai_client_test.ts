import assert from "node:assert/strict";
import OpenAI from "openai";
import { ask, chatBody, neverEnding, stream } from "./requests.ts";
import { type Json, stepsOf, withServer } from "./server_process.ts";

Deno.test("the openai client against the demo model", async (t) => {
  const step = stepsOf(t);
  const logit_bias = await neverEnding();
  await withServer({}, async (server) => {
    const { client, base, adapters } = server;
    assert.ok(adapters.length >= 7, `adapters: ${adapters}`);

    await step("a stream says what the whole answer says: base, adapter, mixture", async () => {
      const lora = [{ id: adapters[0], scale: 0.6 }, { id: adapters[1], scale: 0.4 }];
      for (const fields of [{ model: base }, { model: adapters[0] }, { model: base, lora }]) {
        const whole = await ask(server, { ...fields, logit_bias });
        const streamed = await stream(server, { ...fields, logit_bias });
        assert.equal(streamed.text, whole.choices[0].message.content);
        assert.notEqual(streamed.text, "");
        assert.equal(streamed.reason, "length");
        assert.equal(whole.choices[0].finish_reason, "length");
        assert.equal(streamed.usage?.prompt_tokens, whole.usage?.prompt_tokens);
        assert.equal(streamed.usage?.completion_tokens, 24);
        assert.equal(new Set(streamed.chunks.map(({ id }) => id)).size, 1);
      }
    });

    await step("an adapter by its name is that adapter with the weight 1", async () => {
      const named: Json = await ask(server, { model: adapters[2], logprobs: true });
      const mixed: Json = await ask(server, { lora: [{ id: adapters[2] }], logprobs: true });
      const other: Json = await ask(server, { logprobs: true });
      assert.deepEqual(mixed.choices, named.choices);
      assert.notDeepEqual(other.choices, named.choices);
      const [{ cache: first, ...applied }] = named.weft.adapters;
      assert.deepEqual(mixed.weft.adapters, [{ ...applied, cache: "gpu" }]);
      assert.equal(first, "origin", "nobody asked for it before");
      assert.match(named.weft.adapters[0].generation, /^[0-9a-f]{64}$/);
      assert.deepEqual(other.weft.adapters, []);
    });

    await step(
      "several answers, each with an own seed; the same again by the same seed",
      async () => {
        const fields = { n: 3, temperature: 1.5, seed: 11, logit_bias };
        const [first, again] = [await ask(server, fields), await ask(server, fields)];
        const texts = first.choices.map(({ message }) => message.content);
        assert.equal(new Set(texts).size, 3);
        assert.deepEqual(again.choices, first.choices);
        assert.deepEqual(first.choices.map(({ index }) => index), [0, 1, 2]);
        const alone = await ask(server, { ...fields, n: 1 });
        assert.equal(alone.choices[0].message.content, texts[0]);
        const other = await ask(server, { ...fields, n: 1, seed: 12 });
        assert.notEqual(other.choices[0].message.content, texts[0]);
      },
    );

    await step("a stop string ends the answer before it, however tokens cut it", async () => {
      const { text, usage } = await stream(server, { max_tokens: 60, logit_bias });
      for (const [from, length] of [[5, 3], [17, 9], [30, 1]]) {
        const stop = text.slice(from, from + length);
        assert.equal(stop.length, length, `the answer is long enough: ${text}`);
        const fields = { max_tokens: 60, logit_bias, stop: ["\u0000never", stop] };
        const streamed = await stream(server, fields);
        assert.equal(streamed.text, text.slice(0, text.indexOf(stop)));
        assert.equal(streamed.reason, "stop");
        assert.ok(streamed.usage!.completion_tokens < usage!.completion_tokens);
        const whole = await ask(server, fields);
        assert.equal(whole.choices[0].message.content, streamed.text);
        assert.deepEqual(whole.usage?.completion_tokens, streamed.usage?.completion_tokens);
      }
    });

    await step("log-probabilities: sorted, the greedy token first, its bytes given", async () => {
      const whole = await ask(server, { logprobs: true, top_logprobs: 5, max_tokens: 8 });
      const entries = whole.choices[0].logprobs!.content!;
      const ended = whole.choices[0].finish_reason === "stop" ? 1 : 0; // end-of-text isn't shown
      assert.equal(entries.length + ended, whole.usage?.completion_tokens);
      for (const { token, bytes, logprob, top_logprobs } of entries) {
        assert.ok(logprob <= 0);
        assert.equal(top_logprobs.length, 5);
        assert.deepEqual({ token, bytes, logprob }, top_logprobs[0]);
        const values = top_logprobs.map(({ logprob }) => logprob);
        assert.deepEqual(values, values.toSorted((a, b) => b - a));
        assert.ok(values.reduce((sum, value) => sum + Math.exp(value), 0) <= 1.001);
      }
      const streamed = await stream(server, { logprobs: true, max_tokens: 8 });
      assert.deepEqual(streamed.logprobs, entries.map(({ logprob }) => logprob));
    });

    await step("completions: echo, token ids, several prompts, log-probabilities", async () => {
      const fields = { model: base, temperature: 0, max_tokens: 6, logit_bias };
      const plain = await client.completions.create({ ...fields, prompt: "the dog" });
      const echo = await client.completions.create({ ...fields, prompt: "the dog", echo: true });
      assert.equal(echo.choices[0].text, "the dog" + plain.choices[0].text);
      const ids = [40, 41, 42, 43];
      const [one, two] = [
        await client.completions.create({ ...fields, prompt: ids }),
        await client.completions.create({ ...fields, prompt: [ids, ids.toReversed()] }),
      ];
      assert.equal(one.usage?.prompt_tokens, 4);
      assert.equal(two.choices[0].text, one.choices[0].text);
      assert.deepEqual(two.choices.map(({ index }) => index), [0, 1]);
      const scored = await client.completions.create({
        ...fields,
        prompt: "the dog",
        logprobs: 2,
      });
      assert.equal(scored.choices[0].logprobs?.tokens?.join(""), plain.choices[0].text);
      assert.equal(scored.choices[0].logprobs?.token_logprobs?.length, 6);
      let text = "";
      const streamed = await client.completions.create({
        ...fields,
        prompt: "the dog",
        stream: true,
      });
      for await (const chunk of streamed) text += chunk.choices[0].text;
      assert.equal(text, plain.choices[0].text);
    });

    await step("errors are the client's typed ones and say what is wrong", async () => {
      await assert.rejects(() => ask(server, { model: "gpt-99" }), (error) => {
        assert.ok(error instanceof OpenAI.NotFoundError);
        assert.equal(error.code, "model_not_found");
        return true;
      });
      await assert.rejects(() => ask(server, { lora: [{ id: "nobody" }] }), OpenAI.NotFoundError);
      await assert.rejects(
        () => ask(server, { model: "auto", lora: [{ id: "nobody" }] }),
        OpenAI.BadRequestError,
      );
      for (const streamed of [false, true]) {
        const body = {
          ...chatBody(server, { messages: [{ role: "user", content: "word ".repeat(5000) }] }),
          stream: streamed,
        };
        await assert.rejects(() => client.chat.completions.create(body), (error) => {
          assert.ok(error instanceof OpenAI.BadRequestError);
          assert.equal(error.code, "context_length_exceeded");
          assert.match(error.message, new RegExp(`${server.maxModelLen}`));
          return true;
        });
      }
      await assert.rejects(() => ask(server, { max_tokens: 99_999 }), OpenAI.BadRequestError);
    });

    await step("a client that goes away frees its place, streamed or whole", async () => {
      const endless = { max_tokens: 1800, logit_bias, n: 2 };
      const leaving = new AbortController();
      const { reason } = await stream(server, endless, {
        signal: leaving.signal,
        onText: () => leaving.abort(),
      });
      assert.equal(reason, null); // The client ends an aborted iteration without an error.
      await server.idle();

      const gone = new AbortController();
      const answer = ask(server, endless, gone.signal);
      answer.catch(() => {});
      await server.until((metrics) => metrics.get("weft_requests_running") === 2);
      gone.abort();
      await assert.rejects(answer, OpenAI.APIUserAbortError);
      await server.idle();
      await server.logged(({ status, stream }) => status === 499 && !stream);
      const closed = server.process.logs().filter(({ status }) => status === 499);
      assert.deepEqual(closed.map(({ stream }) => stream), [true, false]);
      assert.ok(closed.every(({ completion_tokens }) => completion_tokens < 1800));
    });
  });
});
