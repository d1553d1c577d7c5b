import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { evaluate } from "../../../bench/eval/evaluate.ts";
import { parseOptions } from "../../../bench/eval/options.ts";
import { scoreSession } from "../../../bench/eval/score_session.ts";
import { StubServer } from "./stub_server.ts";

/** Runs `body` with a stub server and a folder, and options that name both. */
async function withStub(
  body: (t: {
    server: StubServer;
    folder: string;
    run(...args: string[]): Promise<void>;
    score(): ReturnType<typeof scoreSession>;
  }) => Promise<void>,
): Promise<void> {
  await using server = await StubServer.start();
  const folder = await Deno.makeTempDir();
  const print = console.error;
  console.error = () => {};
  const common = [
    "--url",
    server.url,
    "--dir",
    join(folder, "raw"),
    "--samples",
    "2",
    "--composite-samples",
    "2",
  ];
  const parts = ["router", "tasks", "composite"].flatMap((part) => ["--only", part]);
  const optionsOf = (args: string[]) => parseOptions([...common, ...parts, ...args]);
  try {
    await body({
      server,
      folder,
      run: async (...args) => void await evaluate(optionsOf(args)),
      score: () => scoreSession(optionsOf([])),
    });
  } finally {
    console.error = print;
    await Deno.remove(folder, { recursive: true });
  }
}

async function routerFiles(folder: string, ...names: string[]): Promise<string[]> {
  return await Promise.all(names.map(async (name) => {
    const path = join(folder, name);
    if (!existsSync(path)) await writeFile(path, `router ${name}`);
    return path;
  })).then((paths) => paths.flatMap((path) => ["--router", path]));
}

Deno.test("each method asks the same samples, and a routed one once for each router", async () => {
  await withStub(async ({ server, folder, run, score }) => {
    const routers = await routerFiles(folder, "a.onnx", "b.onnx");
    await run(...routers, "--tasks", "plurals,copy_text,composite");
    const asked = (matches: (body: typeof server.completions[0]) => boolean) =>
      server.completions.filter(matches).map(({ messages }) => messages[0].content).sort();
    const base = asked(({ model, lora }) => model === "stub" && lora === undefined);
    assert.equal(base.length, 3 * 2);
    assert.deepEqual(asked(({ model }) => model === "joint"), base);
    const mode = (name: string) => asked(({ routing }) => routing?.mode === name);
    assert.deepEqual(mode("top-1"), mode("uniform"));
    assert.equal(mode("top-1").length, 2 * 2 * 2);
    assert.deepEqual(
      server.routers.map(({ url }) => url.split("/").at(-1)),
      ["a.onnx", "b.onnx"],
    );
    const { tasks, composites, routers: runs } = await score();
    const [copy, plurals] = tasks;
    assert.deepEqual(copy.methods.own, { bleu: [1], rouge1: [1], rougeL: [1] });
    assert.deepEqual(plurals.methods.base, { accuracy: [0] });
    assert.deepEqual(plurals.methods["top-p"], { accuracy: [1, 1] });
    assert.deepEqual(composites[0].methods["own-mixture"], { sentences: [1], whole: [1] });
    assert.deepEqual(composites[0].methods.base, { sentences: [0], whole: [0] });
    assert.equal(composites[0].methods["sentence-keep-carry"].routed!.length, 2);
    assert.deepEqual(runs.map(({ accuracy }) => accuracy), [0.5, 0.5]);
    assert.deepEqual(runs[0].confusions, [{ task: "plurals", routed: "antonyms", count: 2 }]);
  });
});

Deno.test("requests are greedy, bounded, and say what the method says", async () => {
  await withStub(async ({ server, run }) => {
    await run("--tasks", "composite3", "--methods", "own-mixture,sentence-keep-recompute,prompt");
    assert.ok(server.completions.every((body) => body.temperature === 0 && body.max_tokens === 48));
    const [mixture] = server.completions;
    assert.equal(mixture.model, "stub");
    assert.deepEqual(mixture.lora.map(({ scale }: { scale: number }) => scale), [
      1 / 3,
      1 / 3,
      1 / 3,
    ]);
    const auto = server.completions.filter(({ model }) => model === "auto");
    assert.deepEqual(auto.filter(({ kv_policy }) => kv_policy === "recompute").length, 2);
    assert.deepEqual(auto.filter(({ routing }) => routing.scope === "prompt").length, 2);
  });
});

Deno.test("a second run asks nothing again, more samples only what is new, --fresh everything", async () => {
  await withStub(async ({ server, run }) => {
    const args = ["--tasks", "plurals", "--methods", "base,top-1"];
    await run(...args);
    assert.equal(server.completions.length, 4);
    assert.equal(server.routes.length, 2);
    await run(...args);
    assert.equal(server.completions.length, 4);
    await run(...args, "--samples", "5");
    assert.equal(server.completions.length, 10);
    assert.equal(server.routes.length, 5);
    await run(...args, "--fresh");
    assert.equal(server.completions.length, 14);
  });
});

Deno.test("a run that broke off goes on where it was, a line cut in two is asked again", async () => {
  await withStub(async ({ server, folder, run, score }) => {
    const args = ["--tasks", "plurals,antonyms", "--methods", "base,own", "--in-flight", "1"];
    server.intercept = (_, count) =>
      count < 5 ? null : new Response("out of order", { status: 500 });
    await assert.rejects(run(...args), /500 out of order/);
    assert.equal(server.completions.length, 5);
    assert.deepEqual(Object.keys((await score()).tasks[1].methods), ["base"]);
    server.intercept = () => null;
    await appendFile(join(folder, "raw", "answers.jsonl"), '{"method":"own","se');
    await run(...args);
    assert.equal(server.completions.length, 8);
    const { tasks } = await score();
    assert.deepEqual(tasks.map(({ methods }) => methods.own), [{ accuracy: [1] }, {
      accuracy: [1],
    }]);
    const lines = (await readFile(join(folder, "raw", "answers.jsonl"), "utf8")).trim().split("\n");
    assert.equal(lines.map((line) => JSON.parse(line)).length, 8);
  });
});

Deno.test("other routers than those that were asked are refused, more are not", async () => {
  await withStub(async ({ server, folder, run }) => {
    const args = ["--tasks", "plurals", "--methods", "top-1"];
    const [a, b] = [await routerFiles(folder, "a.onnx"), await routerFiles(folder, "b.onnx")];
    // No router was asked anything yet.
    await run("--tasks", "composite", "--methods", "base");
    await run(...a, ...args);
    await assert.rejects(run(...b, ...args), /router 0 was "a\.onnx" .* is "b\.onnx".*--fresh/);
    await assert.rejects(run(...args), /router 0 was "a\.onnx" .* is "default"/);
    const before = server.completions.length;
    await run(...a, ...b, ...args);
    assert.equal(server.completions.length, before + 2);
    await run(...b, ...args, "--fresh");
  });
});

Deno.test("503 is waited for, other errors are not", async () => {
  await withStub(async ({ server, run }) => {
    let refused = 0;
    server.intercept = () =>
      refused++ < 2 ? new Response("full", { status: 503, headers: { "retry-after": "0" } }) : null;
    await run("--tasks", "plurals", "--methods", "base");
    assert.equal(server.completions.length, 2);
    server.intercept = () => new Response("who are you", { status: 401 });
    await assert.rejects(run("--tasks", "antonyms", "--methods", "base"), /401 who are you/);
  });
});

Deno.test("a task that isn't there is refused with those that are", async () => {
  await withStub(async ({ run }) => {
    await assert.rejects(
      run("--tasks", "poetry"),
      /--tasks "poetry": there is antonyms, .*composite3/,
    );
  });
});
