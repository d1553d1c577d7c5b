/** `model: "auto"` on the real server, with the demo pack's own router. */
import assert from "node:assert/strict";
import { readRouterFile } from "../../engine/router/mod.ts";
import { object } from "../adapters/faults.ts";
import { AdapterOrigin, demoContents } from "./adapter_origin.ts";
import { AdaptersApi, weftOf } from "./adapters_api.ts";
import { ask, stream } from "./requests.ts";
import { type Json, stepsOf, type TestServer, withServer } from "./server_process.ts";

const ROUTER = "models/demo/router.onnx";
/** Of each task's eval examples. */
const PROMPTS = 3;
/** Prompts of all tasks together that may go elsewhere. */
const MAX_MISROUTED = 3;
const ROUTABLE_MS = 5000;

interface Example {
  messages: { role: "user"; content: string }[];
  answer: string;
}

function examplesOf(task: string): Example[] {
  return Deno.readTextFileSync(`models/demo/eval/${task}.jsonl`).trimEnd().split("\n")
    .map((line) => JSON.parse(line));
}

function tasks(): string[] {
  return [...Deno.readDirSync("models/demo/eval")].map(({ name }) => name.replace(".jsonl", ""))
    .filter((name) => !name.startsWith("composite")).sort();
}

function autoFields({ messages }: Example, more: object = {}): Json {
  return { model: "auto", messages, max_tokens: 48, ...more };
}

/** The adapter with the greatest weight, or null for the base. */
function first(route: Json): string | null {
  return route.adapters[0]?.id ?? null;
}

async function routeOf(server: TestServer, body: Json): Promise<Json> {
  const response = await server.post("/v1/route", body);
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

Deno.test("the demo's router answers each prompt with its task's adapter, sentence by sentence", async (t) => {
  const step = stepsOf(t);
  await withServer({}, async (server) => {
    await step("the router is shown wherever a client may look", async () => {
      const { body, status } = await new AdaptersApi(server).send("GET", "/v1/router");
      assert.equal(status, 200, JSON.stringify(body));
      const { labels } = readRouterFile(Deno.readFileSync(ROUTER));
      assert.deepEqual(body.classes.map(({ id }: Json) => id), labels);
      assert.deepEqual(body.classes.filter(({ on }: Json) => !on), []);
      assert.equal(body.source, "model");
      const health = await (await fetch(`${server.url}/health`)).json();
      assert.equal(health.router.generation, body.generation);
      const models = (await server.client.models.list()).data.map(({ id }) => id);
      assert.equal(models[1], "auto");
      assert.match(server.process.stdout, /^Router +version /m);
    });

    await step("/v1/route sends each task's prompts to its adapter", async () => {
      const wrong: string[] = [];
      for (const task of tasks()) {
        for (const { messages } of examplesOf(task).slice(0, PROMPTS)) {
          const { whole, sentences } = await routeOf(server, { messages });
          assert.deepEqual(sentences.at(-1).probabilities, whole.probabilities);
          const sum = Object.values<number>(whole.probabilities).reduce((a, b) => a + b);
          assert.ok(Math.abs(sum - 1) < 1e-3, `${sum}`);
          if (first(whole) !== task) wrong.push(`${task}: ${first(whole)}`);
        }
      }
      assert.ok(wrong.length <= MAX_MISROUTED, wrong.join(", "));
    });

    await step("auto answers as the adapter does that the router chose alone", async () => {
      for (const task of ["past_tense", "toy_translation", "word_sorting"]) {
        const [example] = examplesOf(task);
        const routing = { mode: "top-1", min_confidence: 0, scope: "prompt" };
        const auto = await ask(server, autoFields(example, { routing }));
        const [sentence, ...more] = weftOf(auto).sentences;
        assert.equal(first(sentence), task);
        assert.deepEqual(more, []);
        assert.ok(weftOf(auto).timings.route_ms >= 0);
        const lora = sentence.adapters.map(({ id, weight }: Json) => ({ id, scale: weight }));
        const same = { messages: example.messages, max_tokens: 48 };
        const replayed = await ask(server, { ...same, lora });
        assert.equal(auto.choices[0].message.content, replayed.choices[0].message.content);
        const own = await ask(server, { ...same, model: task });
        assert.equal(auto.choices[0].message.content, own.choices[0].message.content);
      }
    });

    await step(
      "a stream tells each sentence once, before its text, and all at the end",
      async () => {
        const [example] = examplesOf("composite");
        const { chunks } = await stream(server, autoFields(example, { max_tokens: 64 }));
        const told = chunks.filter(({ choices }) => choices[0]?.finish_reason === null)
          .flatMap(({ weft }) => weft?.sentences ?? []);
        const all = chunks.at(-1).weft.sentences;
        assert.deepEqual(told, all.slice(0, told.length));
        assert.ok(all.length - told.length <= 1, "at most a last sentence without text");
        all.forEach(({ index, start }: Json, i: number) => {
          assert.equal(index, i);
          assert.ok(i === 0 ? start === 0 : start > all[i - 1].start);
        });
      },
    );

    await step(
      "a composite prompt's tasks are routed apart, and its answer has sentences",
      async () => {
        let several = 0;
        let mixed = 0;
        for (const example of examplesOf("composite").slice(0, 8)) {
          const { sentences } = await routeOf(server, { messages: example.messages });
          const answer = await ask(server, autoFields(example, { max_tokens: 64 }));
          const answered = weftOf(answer).sentences;
          if (answered.length > 1) several++;
          if (new Set([...sentences, ...answered].map(first)).size > 1) mixed++;
        }
        assert.ok(several > 0, "an answer of several sentences");
        assert.ok(mixed > 0, "a prompt of several adapters");
      },
    );

    await step("routing's wishes are heard", async () => {
      const [example] = examplesOf("past_tense");
      const none = { min_confidence: 1, hysteresis: 0 };
      const abstained = weftOf(await ask(server, autoFields(example, { routing: none })));
      assert.deepEqual(abstained.sentences[0].adapters, []);
      assert.equal(abstained.sentences[0].abstained, true);
      const base = await ask(server, { messages: example.messages, max_tokens: 48 });
      const alone = await ask(server, autoFields(example, { routing: none }));
      assert.equal(alone.choices[0].message.content, base.choices[0].message.content);
      const wide = { mode: "uniform", top_p: 1, max_adapters: 3, min_confidence: 0 };
      const { sentences } = weftOf(await ask(server, autoFields(example, { routing: wide })));
      const weights = sentences[0].adapters.map(({ weight }: Json) => weight);
      assert.equal(weights.length, 3);
      for (const weight of weights) assert.ok(Math.abs(weight - 1 / 3) < 1e-6);
      for (const kv_policy of ["carry", "recompute"] as const) {
        const [composite] = examplesOf("composite");
        const answer = await ask(server, autoFields(composite, { kv_policy, max_tokens: 64 }));
        assert.ok(answer.choices[0].message.content!.length > 0);
      }
    });

    await step("several choices and prompts are routed each for itself", async () => {
      const prompts = ["past_tense", "rhymes"].map((task) =>
        examplesOf(task)[0].messages[0].content
      );
      const body = { model: "auto", prompt: prompts, n: 2, max_tokens: 8, temperature: 0 };
      const answer = await (await server.post("/v1/completions", body)).json();
      const firsts = answer.weft.sentences.filter(({ index }: Json) => index === 0);
      assert.deepEqual(firsts.map(({ choice }: Json) => choice), [0, 1, 2, 3]);
      assert.deepEqual(first(firsts[0]), first(firsts[1]));
    });

    await step("what was routed is counted", async () => {
      const metrics = await server.metrics();
      assert.ok(metrics.get("weft_routes_total")! > 100);
      assert.ok(metrics.get("weft_route_abstentions_total")! >= 1);
      assert.ok(metrics.get("weft_route_seconds_count")! > 10);
    });
  });
});

Deno.test("a new adapter is routable within seconds of its examples, and gone with its name", async () => {
  await using origin = new AdapterOrigin();
  const router = Deno.readFileSync(ROUTER);
  origin.server.paths.set("/router.onnx", object(router, { etag: '"r1"' }));
  const content = demoContents().get("rhymes")!;
  origin.place("limericks", content);
  const stateDir = await Deno.makeTempDir();
  const examples = Array.from(
    { length: 30 },
    (_, i) => `Compose a limerick about the ${["cat", "moon", "baker"][i % 3]} number ${i}.`,
  );
  const prompt = "Compose a limerick about the baker number 77.";
  try {
    const start = { stateDir, flags: origin.flags };
    let other: string | null = null;
    await withServer(start, async (server) => {
      const api = new AdaptersApi(server);
      const before = await routeOf(server, { input: prompt });
      assert.equal("limericks" in before.whole.probabilities, false);
      other = first((await routeOf(server, { messages: examplesOf("plurals")[0].messages })).whole);
      const startedAt = performance.now();
      const { status, body } = await api.put("limericks", {
        url: origin.url("limericks"),
        examples,
      });
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal(body.routing.kind, "prototype", JSON.stringify(body.routing));
      const { whole } = await routeOf(server, { input: prompt });
      assert.ok(performance.now() - startedAt < ROUTABLE_MS, "routable in time");
      assert.equal(first(whole), "limericks", JSON.stringify(whole.probabilities));
      const answer = await ask(
        server,
        autoFields({
          messages: [{ role: "user", content: prompt }],
          answer: "",
        }, { routing: { mode: "top-1" } }),
      );
      assert.equal(first(weftOf(answer).sentences[0]), "limericks");
    });
    await withServer(start, async (server) => {
      const api = new AdaptersApi(server);
      await api.until("limericks", ({ routing }) => routing.kind === "prototype");
      const { status } = await api.send("POST", "/v1/router", {
        url: origin.server.url("/router.onnx").href,
      });
      assert.equal(status, 200);
      await api.until("limericks", ({ routing }) => routing.kind === "prototype");
      assert.equal(first((await routeOf(server, { input: prompt })).whole), "limericks");
      const plurals = await routeOf(server, { messages: examplesOf("plurals")[0].messages });
      assert.equal(first(plurals.whole), other, "an old task goes where it went");
      await api.remove("limericks");
      const { whole } = await routeOf(server, { input: prompt });
      assert.ok(!whole.probabilities.limericks);
      assert.notEqual(first(whole), "limericks");
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("the router is swapped by URL under load, and holds over a restart without its origin", async () => {
  await using origin = new AdapterOrigin();
  const router = Deno.readFileSync(ROUTER);
  const { paths } = origin.server;
  paths.set("/router.onnx", object(router, { etag: '"r1"' }));
  paths.set("/bad.onnx", object(router.subarray(0, router.length / 2), { etag: '"r2"' }));
  const url = origin.server.url("/router.onnx").href;
  const stateDir = await Deno.makeTempDir();
  try {
    const start = { stateDir, flags: origin.flags };
    await withServer(start, async (server) => {
      const api = new AdaptersApi(server);
      const stop = new AbortController();
      let answers = 0;
      const names = tasks();
      const streams = Array.from({ length: 6 }, async (_, i) => {
        for (let turn = i; !stop.signal.aborted; turn++) {
          const [example] = examplesOf(names[turn % names.length]);
          const { chunks, reason } = await stream(server, autoFields(example));
          assert.ok(reason !== null, "the answer ends well");
          assert.ok(chunks.at(-1).weft.sentences.length > 0);
          answers++;
        }
      });
      const swapping = (async () => {
        for (let i = 0; i < 6; i++) {
          const swapped = await api.send("POST", "/v1/router", { url });
          assert.equal(swapped.status, 200, JSON.stringify(swapped.body));
          const bad = origin.server.url("/bad.onnx").href;
          const refused = await api.send("POST", "/v1/router", { url: bad });
          assert.deepEqual([refused.status, refused.body.error?.code], [422, "bad_router"]);
          const shown = await api.send("GET", "/v1/router");
          assert.equal(shown.body.generation, swapped.body.generation);
        }
      })();
      await Promise.all([swapping.finally(() => stop.abort()), ...streams]);
      assert.ok(answers >= 6, `${answers} answers`);
    });
    paths.delete("/router.onnx");
    await withServer(start, async (server) => {
      const api = new AdaptersApi(server);
      const { body } = await api.send("GET", "/v1/router");
      assert.deepEqual([body.source, body.url], ["api", url]);
      assert.equal((await api.send("DELETE", "/v1/router")).status, 204);
      const refused = await server.post(
        "/v1/chat/completions",
        autoFields(examplesOf("rhymes")[0]),
      );
      assert.equal(refused.status, 503);
      assert.equal((await refused.json()).error.code, "no_router");
    });
    await withServer(start, async (server) => {
      const { status } = await new AdaptersApi(server).send("GET", "/v1/router");
      assert.equal(status, 404, "that it was removed holds too");
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("a deleted adapter's class is off at once, and a name that comes back is on again", async () => {
  await withServer({}, async (server) => {
    const api = new AdaptersApi(server);
    const [{ messages }] = examplesOf("plurals");
    assert.equal(first((await routeOf(server, { messages })).whole), "plurals");
    assert.equal((await api.remove("plurals")).status, 204);
    const { whole } = await routeOf(server, { messages });
    assert.equal(whole.probabilities.plurals, 0);
    const { sentences } = weftOf(await ask(server, { model: "auto", messages, max_tokens: 8 }));
    assert.ok(sentences.every((sentence: Json) => first(sentence) !== "plurals"));
  });
});

Deno.test("a router that the command line asks for must be good; --router none means none", async () => {
  const path = await Deno.makeTempFile({ suffix: ".onnx" });
  try {
    await Deno.writeTextFile(path, "no router");
    await assert.rejects(
      withServer({ flags: ["--router", path] }, () => Promise.resolve()),
      /Cannot use the router at .*it is no ONNX model/,
    );
    await withServer({ flags: ["--router", "none"] }, async (server) => {
      const health = await (await fetch(`${server.url}/health`)).json();
      assert.equal(health.router, null);
      assert.match(server.process.stdout, /^Router +none$/m);
    });
  } finally {
    await Deno.remove(path);
  }
});
