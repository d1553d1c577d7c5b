/**
 * What an adapter's URL must not do to a server: each hostile URL, archive and file gets its error, leaves nothing
 * behind, and the adapters in use answer as before. The server may connect to this machine alone, so that a guard
 * that fails leads nowhere.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { BAD, MAX_BYTES } from "../adapters/download/archive_corpus.ts";
import type { Behaviour, FaultServer } from "../adapters/fault_server.ts";
import {
  changing,
  endless,
  hangUp,
  object,
  raw,
  redirect,
  stall,
  stallAfter,
  status,
  truncated,
  wrongLength,
} from "../adapters/faults.ts";
import { LITERALS } from "../adapters/http/address_literals.ts";
import { AdapterOrigin, type Content, demoContents } from "./adapter_origin.ts";
import { ask } from "./requests.ts";
import { type Json, stepsOf, type TestServer, withServer } from "./server_process.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const LOOPBACK = "127.0.0.1,[::1],localhost,0.0.0.0";
const MUTANTS = 120;
const SECRET = "s3cr3t-signature";

Deno.test("hostile URLs, archives and files get their errors; the others serve on", async (t) => {
  const step = stepsOf(t);
  const stateDir = await Deno.makeTempDir();
  await using origin = new AdapterOrigin();
  const good = demoContents().get("plurals")!;
  const flags = [
    "--allow-insecure-loopback",
    "--adapter-timeout",
    "2",
    "--adapter-max-download",
    `${MAX_BYTES}`,
    ...LITERALS.flatMap(([, host]) => ["--allow-adapter-host", host]),
  ];
  try {
    await withServer({ flags, stateDir, allowNet: LOOPBACK }, async (server) => {
      origin.place("good", good);
      assert.equal((await put(server, origin.url("good"), "in-use")).status, 201);
      const inUse = useAllTheWhile(server);
      const checkRefused = refusals(server);

      await step("URLs", async () => {
        for (const [url, code] of urlCases()) await checkRefused(url, [code]);
      });
      await step("origins at fault", async () => {
        for (const [what, files, codes] of originCases(good)) {
          replaceFolder(origin.server, files);
          await checkRefused(origin.url(`bad?sig=${SECRET}`), codes, what);
        }
      });
      await step("archives", async () => {
        for (const { what, kind, bytes, reason } of BAD) {
          origin.server.paths.set(`/bad.${kind}`, object(bytes));
          await checkRefused(origin.url(`bad.${kind}`), [reason!], what);
        }
      });
      await step("mutated files: an adapter, or its error", async () => {
        let served = 0;
        for (let seed = 0; seed < MUTANTS; seed++) {
          origin.place("bad", mutate(good, seed));
          const { status, body } = await put(server, origin.url("bad"), "mutant");
          if (status === 422) assert.equal(body.error.code, "bad_adapter", body.error.message);
          else assert.ok(status === 200 || status === 201, JSON.stringify(body));
          if (status === 422) continue;
          served++;
          await ask(server, { model: "mutant", max_tokens: 2 });
        }
        console.log(`      ${served} of ${MUTANTS} mutants are adapters`);
      });
      await step("orders that make no sense", async () => {
        for (const [body, name, code] of orderCases(origin.url("good"))) {
          const response = await fetch(`${server.url}/v1/adapters/${name}`, {
            method: "PUT",
            headers: { "content-type": "application/json" },
            body,
          });
          const { error } = await response.json();
          assert.ok(response.status >= 400 && response.status < 500, `${body}: ${response.status}`);
          if (code !== null) assert.equal(error.code, code, body);
        }
      });

      assert.ok(await inUse.stop() > 20);
      const { data } = await (await fetch(`${server.url}/v1/adapters`)).json();
      const served = data.filter(({ owner, state }: Json) => owner === "api" && state === "ready");
      assert.deepEqual(served.map(({ name }: Json) => name).sort(), ["in-use", "mutant"]);
      assert.ok(!(server.process.stderr + JSON.stringify(data)).includes(SECRET), "a secret shows");
    });
    assert.deepEqual([...Deno.readDirSync(join(stateDir, "adapters", "incoming"))], []);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

/** Asks one adapter again and again; the answer must stay the same. */
function useAllTheWhile(server: TestServer): { stop(): Promise<number> } {
  let isStopped = false;
  const used = (async () => {
    const answers: string[] = [];
    while (!isStopped) {
      const { choices } = await ask(server, { model: "in-use", max_tokens: 12 });
      answers.push(choices[0].message.content!);
    }
    assert.equal(new Set(answers).size, 1);
    return answers.length;
  })();
  used.catch(() => {}); // For a test that fails before it stops this.
  return {
    stop() {
      isStopped = true;
      return used;
    },
  };
}

const STATUSES: Record<string, number> = { not_allowed: 403, failed: 502, timeout: 504 };

function statusOf(code: string): number {
  if (code === "bad_url") return 400;
  if (code.endsWith("_not_allowed") && !/^(pickle|archive_entry)/.test(code)) {
    return STATUSES.not_allowed;
  }
  if (code.endsWith("_timeout")) return STATUSES.timeout;
  return CONTENT_CODES.has(code) ? 422 : STATUSES.failed;
}

const CONTENT_CODES = new Set([
  "bad_adapter",
  "missing_file",
  "pickle_not_allowed",
  "download_too_large",
  "bad_archive",
  "archive_bomb",
  "archive_entry_not_allowed",
]);

/** Puts a URL under a new name, which must be refused with one of the codes and leave nothing. */
function refusals(server: TestServer) {
  let count = 0;
  return async (url: string, codes: readonly string[], what = url): Promise<void> => {
    const name = `hostile-${count++}`;
    const { status, body } = await put(server, url, name);
    const code = body.error?.code;
    assert.ok(codes.includes(code), `${what}: ${status} ${JSON.stringify(body)}, not ${codes}`);
    assert.equal(status, statusOf(code), `${what}: ${JSON.stringify(body)}`);
    assert.ok(!JSON.stringify(body).includes(SECRET), `${what}: a secret shows`);
    const shown = await (await fetch(`${server.url}/v1/adapters/${name}`)).json();
    if (shown.error?.code === "adapter_not_found") return;
    assert.deepEqual([shown.state, shown.generation], ["failed", null], what);
    const gone = await fetch(`${server.url}/v1/adapters/${name}`, { method: "DELETE" });
    assert.equal(gone.status, 204);
  };
}

function* urlCases(): Generator<[url: string, code: string]> {
  for (const [host] of LITERALS) {
    yield [`https://${host}/x?sig=${SECRET}`, "address_not_allowed"];
    yield [`https://${host}:8443/x`, "host_not_allowed"];
  }
  yield ["https://elsewhere.example/x", "host_not_allowed"];
  yield [`https://user:${SECRET}@elsewhere.example/x`, "bad_url"];
  yield ["http://elsewhere.example/x", "scheme_not_allowed"];
  yield ["http://10.0.0.1/x", "scheme_not_allowed"];
  yield ["http://127.0.0.1.nip.example/x", "scheme_not_allowed"];
  for (const scheme of ["ftp", "data", "javascript", "gopher", "ws", "blob", "ssh"]) {
    yield [`${scheme}://127.0.0.1/x`, "scheme_not_allowed"];
  }
  yield ["file:///etc", "path_not_allowed"];
  yield ["file:///proc/self", "path_not_allowed"];
  yield ["/etc", "path_not_allowed"];
  yield ["../../../etc", "path_not_allowed"];
  yield ["s3://bucket/x", "host_not_allowed"];
  yield ["gs://bucket/x", "host_not_allowed"];
  yield ["hf://owner/name", "host_not_allowed"];
}

type Files = Record<string, Behaviour>;

function* originCases({ config, weights }: Content): Generator<
  [what: string, files: Files, codes: string[]]
> {
  const both = (weights: Behaviour): Files => ({ [CONFIG]: object(config), [WEIGHTS]: weights });
  yield ["nothing there", {}, ["missing_file", "origin_not_found"]];
  yield ["no tensors", { [CONFIG]: object(config) }, ["missing_file"]];
  yield [
    "a pickle",
    { [CONFIG]: object(config), "adapter_model.bin": object(weights) },
    ["pickle_not_allowed"],
  ];
  yield ["asks for credentials", both(status(401)), ["origin_unauthorized"]];
  yield ["refuses them", both(status(403)), ["origin_unauthorized"]];
  yield ["never answers", both(stall()), ["total_timeout"]];
  yield ["stops halfway", both(stallAfter(weights, 1000)), ["total_timeout"]];
  yield ["drips", both(object(weights, { chunkBytes: 1, pauseMs: 100 })), ["total_timeout"]];
  yield ["never ends", both(endless()), ["download_too_large"]];
  yield ["tells too short a length", both(wrongLength(weights, 5000)), [
    "bad_adapter",
    "bad_response",
  ]];
  yield [
    "changes again and again",
    both(changing(Array.from({ length: 60 }, (_, i) => weights.subarray(0, 9000 + i)))),
    ["bad_adapter", "content_changed"],
  ];
  yield ["hangs up", both(hangUp()), ["connect_failed", "total_timeout", "truncated"]];
  yield ["is no HTTP", both(raw("SSH-2.0-x\r\n")), ["bad_response", "total_timeout"]];
  yield ["breaks off, and can't go on", both(truncated(weights, { afterBytes: 900, etag: null })), [
    "truncated",
    "total_timeout",
  ]];
  for (
    const target of [
      "https://169.254.169.254/latest/meta-data/",
      "http://10.0.0.1/",
      "https://elsewhere.example/",
      "https://[::ffff:169.254.169.254]/",
      "file:///etc/passwd",
    ]
  ) yield [`redirects to ${target}`, both(redirect(target)), ["redirect_not_allowed"]];
  yield ["redirects for ever", both(redirect(WEIGHTS)), ["too_many_redirects"]];
}

function replaceFolder({ paths }: FaultServer, files: Files): void {
  for (const path of [...paths.keys()]) if (path.startsWith("/bad/")) paths.delete(path);
  for (const [name, behaviour] of Object.entries(files)) paths.set(`/bad/${name}`, behaviour);
}

/** Good files with some of their bytes changed, cut off, or with more at the end. */
function mutate({ config, weights }: Content, seed: number): Content {
  let state = seed + 1;
  const draw = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const files = { config: config.slice(), weights: weights.slice() };
  const which = draw(2) === 0 ? "config" : "weights";
  const bytes = files[which];
  // The header of the tensors' file is where the lies are.
  const span = which === "weights" && draw(3) > 0 ? Math.min(2000, bytes.length) : bytes.length;
  const kind = draw(4);
  if (kind === 0) return { ...files, [which]: bytes.slice(0, draw(bytes.length)) };
  if (kind === 1) return { ...files, [which]: new Uint8Array([...bytes, ...bytes.slice(0, 40)]) };
  for (let i = 0; i <= draw(6); i++) bytes[draw(span)] = draw(256);
  return files;
}

function orderCases(url: string): [body: string, name: string, code: string | null][] {
  const long = "x".repeat(200);
  return [
    ["", "a", null],
    ["{", "a", "invalid_json"],
    ["[]", "a", null],
    ["{}", "a", null],
    [JSON.stringify({ url: 5 }), "a", null],
    [JSON.stringify({ url, extra: 1 }), "a", "unknown_field"],
    [JSON.stringify({ url, sha256: "abc" }), "a", null],
    [JSON.stringify({ url, expected_generation: 7 }), "a", null],
    [JSON.stringify({ url, wait: "yes" }), "a", null],
    [JSON.stringify({ url }), long, "bad_name"],
    [JSON.stringify({ url }), "%2e%2e%2fetc", null],
    [JSON.stringify({ url }), "a%20b", "bad_name"],
    [JSON.stringify({ url }), "demo", "name_taken"],
    [JSON.stringify({ url }), "auto", "name_taken"],
    [JSON.stringify({ url, sha256: "0".repeat(64) }), "a", "sha256_mismatch"],
    [JSON.stringify({ url, expected_generation: "0".repeat(64) }), "a", "generation_conflict"],
  ];
}

async function put(
  server: TestServer,
  url: string,
  name: string,
): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${server.url}/v1/adapters/${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ url }),
  });
  return { status: response.status, body: await response.json() };
}
