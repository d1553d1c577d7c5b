import assert from "node:assert/strict";
import { join } from "node:path";
import { WeftError } from "../../../engine/core/errors.ts";
import {
  type HubProgress,
  openModelDirectory,
  planWeights,
  resolveModel,
  type ResolveOptions,
} from "../../../engine/loader/mod.ts";
import { HubStandIn, type HubStandInOptions } from "./hub_stand_in.ts";

const REPO = "weft/tiny-llama";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const SHARDED = "tests/fixtures/models/llama-tied";
const SINGLE = "tests/fixtures/models/llama";
const RETRY = { attempts: 3, delayMs: 1, idleMs: 2000 };

interface Scene {
  hub: HubStandIn;
  cacheDir: string;
  options: ResolveOptions;
}

/** Nothing that a download has to do without may be there: no FFI, no subprocess, no system facts. */
const permissions: Deno.PermissionOptionsObject = {
  read: true,
  write: true,
  net: ["127.0.0.1"],
  ffi: false,
  run: false,
  sys: false,
  env: false,
};

function hubTest(
  name: string,
  { trouble, token, model = SINGLE, without = [] }: {
    trouble?: HubStandInOptions["trouble"];
    token?: string;
    model?: string;
    without?: string[];
  },
  run: (scene: Scene) => Promise<void>,
): void {
  Deno.test({
    name,
    permissions,
    async fn() {
      const files = await modelFiles(model);
      for (const file of without) delete files[file];
      const cacheDir = await Deno.makeTempDir();
      try {
        await using hub = new HubStandIn({ repo: REPO, commit: COMMIT, files, trouble, token });
        const options = { cacheDir, endpoint: hub.endpoint, retry: RETRY };
        await run({ hub, cacheDir, options });
      } finally {
        await Deno.remove(cacheDir, { recursive: true });
      }
    },
  });
}

async function modelFiles(folder: string): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {
    "README.md": new TextEncoder().encode("not needed"),
    "pytorch_model.bin": new Uint8Array(5000),
    "tokenizer.json": new TextEncoder().encode("{}"),
    "chat_template.jinja": new TextEncoder().encode("{{ messages }}"),
  };
  for await (const { name } of Deno.readDir(folder)) {
    if (name !== "expected.json") files[name] = await Deno.readFile(join(folder, name));
  }
  return files;
}

async function filesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

function errorLike(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof WeftError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

Deno.test("a local directory is itself", async () => {
  assert.equal(await resolveModel("models/demo", { cacheDir: "unused" }), "models/demo");
});

for (const spec of ["hf://", "hf://name", "hf://a/b/c", "hf://a/../b", "hf://a/b@", "hf://./b"]) {
  Deno.test(`the spec ${spec} is refused`, async () => {
    const expected = errorLike("bad_model", /hf:\/\/owner\/name/);
    await assert.rejects(resolveModel(spec, { cacheDir: "unused" }), expected);
  });
}

hubTest("a model is downloaded, with the files it needs and no others", {}, async (scene) => {
  const seen: HubProgress[] = [];
  const path = await resolveModel(`hf://${REPO}`, {
    ...scene.options,
    onProgress: (progress) => seen.push(progress),
  });
  assert.equal(path, join(scene.cacheDir, "weft--tiny-llama", COMMIT));
  assert.deepEqual(await filesIn(path), [
    ".complete.json",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
  ]);
  using model = await openModelDirectory(path);
  planWeights(model.config, model.tensors);
  const last = seen.at(-1)!;
  assert.equal(last.file, "model.safetensors");
  assert.equal(last.doneBytes, last.totalBytes);
  assert.ok(seen.every(({ doneBytes }, i) => i === 0 || doneBytes >= seen[i - 1].doneBytes));
});

hubTest("a sharded model comes with its index and shards", { model: SHARDED }, async (scene) => {
  const path = await resolveModel(`hf://${REPO}@v1`, scene.options);
  using model = await openModelDirectory(path);
  planWeights(model.config, model.tensors);
  assert.equal(scene.hub.contentRequests("model.safetensors.index.json").length, 1);
});

hubTest("a commit in the cache needs no network, a branch asks once", {}, async (scene) => {
  const path = await resolveModel(`hf://${REPO}`, scene.options);
  const before = scene.hub.requests.length;
  assert.equal(await resolveModel(`hf://${REPO}@${COMMIT}`, scene.options), path);
  assert.equal(scene.hub.requests.length, before);
  assert.equal(await resolveModel(`hf://${REPO}`, scene.options), path);
  assert.equal(scene.hub.requests.length, before + 1);
});

hubTest(
  "a cut connection is continued where it broke",
  { trouble: { "model.safetensors": { cuts: [10_000, 5_000] } } },
  async (scene) => {
    const path = await resolveModel(`hf://${REPO}`, scene.options);
    assert.deepEqual(
      await Deno.readFile(join(path, "model.safetensors")),
      await Deno.readFile(join(SINGLE, "model.safetensors")),
    );
    const url = `GET /${REPO}/resolve/${COMMIT}/model.safetensors`;
    assert.deepEqual(scene.hub.contentRequests("model.safetensors"), [
      url,
      `${url} bytes=10000-`,
      `${url} bytes=15000-`,
    ]);
  },
);

hubTest(
  "a download that was given up goes on at the next start",
  { trouble: { "model.safetensors": { cuts: [4000, 0, 0, 0] } } },
  async (scene) => {
    const expected = errorLike("unavailable", /4000 of 253840 bytes are kept, run again/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
    const folder = join(scene.cacheDir, "weft--tiny-llama", COMMIT);
    assert.equal((await Deno.stat(join(folder, "model.safetensors.part"))).size, 4000);
    assert.ok(!(await filesIn(folder)).includes(".complete.json"));

    const requestsBefore = scene.hub.requests.length;
    const path = await resolveModel(`hf://${REPO}`, scene.options);
    const later = scene.hub.requests.slice(requestsBefore).filter((r) => r.includes("/resolve/"));
    const url = `GET /${REPO}/resolve/${COMMIT}/model.safetensors bytes=4000-`;
    assert.deepEqual(
      later,
      [url, url],
      "only the unfinished file is asked for, from where it broke",
    );
    using model = await openModelDirectory(path);
    planWeights(model.config, model.tensors);
  },
);

hubTest(
  "a server that ignores ranges sends the file anew",
  { trouble: { "model.safetensors": { cuts: [4000], ignoresRange: true } } },
  async (scene) => {
    const path = await resolveModel(`hf://${REPO}`, scene.options);
    assert.deepEqual(
      await Deno.readFile(join(path, "model.safetensors")),
      await Deno.readFile(join(SINGLE, "model.safetensors")),
    );
  },
);

hubTest(
  "a server that is busy for a moment is asked again",
  { trouble: { "model.safetensors": { statuses: [503, 429] } } },
  async (scene) => {
    await resolveModel(`hf://${REPO}`, scene.options);
    assert.equal(scene.hub.contentRequests("model.safetensors").length, 3);
  },
);

hubTest(
  "a server that stays busy is given up, with its status in the message",
  { trouble: { "model.safetensors": { statuses: [503, 503, 503] } } },
  async (scene) => {
    const expected = errorLike("unavailable", /answered 503.*0 of 253840 bytes are kept/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  },
);

for (
  const [what, content] of [
    ["of the announced size but other bytes", new Uint8Array(253_840)],
    ["that is longer than announced", new Uint8Array(253_841)],
  ] as const
) {
  hubTest(
    `content ${what} is refused and not kept`,
    { trouble: { "model.safetensors": { content } } },
    async (scene) => {
      const expected = errorLike("bad_model", /digest [0-9a-f]{64}|longer than 253840 bytes/);
      await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
      const folder = join(scene.cacheDir, "weft--tiny-llama", COMMIT);
      const names = await filesIn(folder);
      assert.ok(!names.includes("model.safetensors") && !names.includes(".complete.json"));
      if (names.includes("model.safetensors.part")) {
        assert.equal((await Deno.stat(join(folder, "model.safetensors.part"))).size, 0);
      }
    },
  );
}

hubTest(
  "a small file with other bytes than git has is refused",
  { trouble: { "config.json": { content: new Uint8Array(837) } } },
  async (scene) => {
    const size = (await Deno.stat(join(SINGLE, "config.json"))).size;
    assert.equal(size, 837, "the trouble must have the announced size");
    const expected = errorLike("bad_model", /digest [0-9a-f]{40}/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  },
);

hubTest(
  "content that ends early is asked for again and then given up",
  { trouble: { "model.safetensors": { content: new Uint8Array(100) } } },
  async (scene) => {
    const expected = errorLike("unavailable", /100 of 253840 bytes are kept/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  },
);

hubTest("an unknown model names itself and says what to check", {}, async (scene) => {
  const expected = errorLike("unauthorized", /hf:\/\/weft\/none: .*no such public model/);
  await assert.rejects(resolveModel("hf://weft/none", scene.options), expected);
});

hubTest("an unknown revision is not found", {}, async (scene) => {
  const expected = errorLike("not_found", /hf:\/\/weft\/tiny-llama@v9: .*no such revision/);
  await assert.rejects(resolveModel(`hf://${REPO}@v9`, scene.options), expected);
});

hubTest("a gated model says where to accept its terms", { token: "hf_secret" }, async (scene) => {
  const expected = errorLike("unauthorized", /gated; accept its terms at http.*weft\/tiny-llama/);
  await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  const wrong = { ...scene.options, token: "hf_wrong" };
  await assert.rejects(resolveModel(`hf://${REPO}`, wrong), expected);
});

hubTest(
  "the token opens the gate and stays with the hub",
  { token: "hf_secret" },
  async (scene) => {
    const path = await resolveModel(`hf://${REPO}`, { ...scene.options, token: "hf_secret" });
    using model = await openModelDirectory(path);
    assert.equal(model.config.architecture, "llama");
    assert.deepEqual(scene.hub.leakedTokens, []);
  },
);

hubTest(
  "a model without safetensors is refused",
  { without: ["model.safetensors"] },
  async (scene) => {
    const expected = errorLike("bad_model", /neither model\.safetensors nor/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  },
);

hubTest(
  "a model without a tokenizer is refused",
  { without: ["tokenizer.json"] },
  async (scene) => {
    const expected = errorLike("bad_model", /it has no tokenizer\.json/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  },
);

hubTest(
  "a shard that the index names and the model lacks is refused",
  { model: SHARDED, without: ["model-00002-of-00002.safetensors"] },
  async (scene) => {
    const expected = errorLike("bad_model", /it has no model-00002-of-00002\.safetensors/);
    await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
  },
);

hubTest("a hub that cannot be reached is named, with a way out", {}, async (scene) => {
  const unreachable = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const endpoint = `http://127.0.0.1:${unreachable.addr.port}`;
  unreachable.close();
  const expected = errorLike("unavailable", /Cannot reach http:.*hf:\/\/weft\/tiny-llama@<commit>/);
  await assert.rejects(resolveModel(`hf://${REPO}`, { ...scene.options, endpoint }), expected);
});

hubTest("an abort ends the download and keeps what has come", {}, async (scene) => {
  const controller = new AbortController();
  const stopped = resolveModel(`hf://${REPO}`, {
    ...scene.options,
    signal: controller.signal,
    onProgress: ({ file }) => {
      if (file === "model.safetensors") controller.abort(new Error("stopped by the user"));
    },
  });
  await assert.rejects(stopped, /stopped by the user/);
  const names = await filesIn(join(scene.cacheDir, "weft--tiny-llama", COMMIT));
  assert.ok(names.includes("config.json") && !names.includes(".complete.json"));
});

hubTest("a file that another process is downloading is left alone", {}, async (scene) => {
  const folder = join(scene.cacheDir, "weft--tiny-llama", COMMIT);
  await Deno.mkdir(folder, { recursive: true });
  using other = await Deno.open(join(folder, "config.json.part"), { create: true, write: true });
  await other.lock(true);
  const expected = errorLike("unavailable", /another process is writing .*config\.json\.part/);
  await assert.rejects(resolveModel(`hf://${REPO}`, scene.options), expected);
});

hubTest(
  "a transfer that stands still is cut and asked for again",
  { trouble: { "model.safetensors": { stalls: [3000] } } },
  async (scene) => {
    const retry = { ...RETRY, idleMs: 100 };
    const path = await resolveModel(`hf://${REPO}`, { ...scene.options, retry });
    assert.deepEqual(
      await Deno.readFile(join(path, "model.safetensors")),
      await Deno.readFile(join(SINGLE, "model.safetensors")),
    );
  },
);
