import assert from "node:assert/strict";
import { join } from "node:path";
import { type BundleKind, extractBundle } from "../../../adapters/download/bundle.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { buildSafetensors } from "../../engine/core/safetensors_builder.ts";
import {
  type ArchiveCase,
  BAD,
  CONFIG,
  GOOD,
  MAX_BYTES,
  noise,
  WEIGHTS,
} from "./archive_corpus.ts";
import { makeTar } from "./tar_builder.ts";
import { makeZip } from "./zip_builder.ts";

const BOTH = ["adapter_config.json", "adapter_model.safetensors"];

Deno.test("good archives leave the two files and nothing else", async (t) => {
  for (const example of GOOD) {
    await t.step(example.what, async () => {
      await using place = await unpackInto(example);
      assert.equal(place.error, undefined);
      assert.deepEqual(await place.list(), { root: ["into"], into: BOTH });
      assert.equal(await Deno.readTextFile(join(place.into, BOTH[0])), CONFIG);
      assert.deepEqual(await Deno.readFile(join(place.into, BOTH[1])), WEIGHTS);
    });
  }
});

Deno.test("bad archives are refused, each with its reason, and touch nothing outside", async (t) => {
  assert.ok(BAD.length >= 40, `${BAD.length} cases`);
  for (const example of BAD) {
    await t.step(`${example.what} (${example.kind})`, async () => {
      await using place = await unpackInto(example);
      assert.ok(place.error instanceof WeftError, `threw ${place.error}`);
      assert.equal(place.error.reason, example.reason, place.error.message);
      assert.equal(place.error.code, "bad_adapter");
      if (example.says) assert.match(place.error.message, example.says);
      assert.ok(place.error.message.length < 400, place.error.message);
      assert.deepEqual((await place.list()).root, ["archive", "into"]);
    });
  }
});

Deno.test("a lone tensors' file keeps its bytes and gives its configuration", async () => {
  const bytes = buildSafetensors(
    { x: { dtype: "F32", shape: [2], data: noise(8) } },
    { metadata: { "adapter_config.json": '{"r": 4, "note": "größe"}', format: "pt" } },
  );
  await using place = await unpackInto({ kind: "safetensors", bytes });
  assert.equal(place.error, undefined);
  assert.deepEqual(await place.list(), { root: ["into"], into: BOTH });
  assert.equal(await Deno.readTextFile(join(place.into, BOTH[0])), '{"r": 4, "note": "größe"}');
  assert.deepEqual(await Deno.readFile(join(place.into, BOTH[1])), bytes);
});

Deno.test("the archive may lie in the directory that it is unpacked into", async () => {
  const files = [{ name: BOTH[0], data: CONFIG }, { name: BOTH[1], data: WEIGHTS }];
  const tensors = buildSafetensors({}, { metadata: { "adapter_config.json": CONFIG } });
  const archives: [BundleKind, string, Uint8Array][] = [
    ["zip", "bundle", makeZip(files)],
    ["tar", "bundle", makeTar(files)],
    ["safetensors", "bundle", tensors],
    ["safetensors", "adapter_model.safetensors", tensors],
  ];
  for (const [kind, name, bytes] of archives) {
    const into = await Deno.makeTempDir();
    await Deno.writeFile(join(into, name), bytes);
    await extractBundle(join(into, name), kind, options(into));
    assert.deepEqual(await namesIn(into), BOTH, `${kind} ${name}`);
    await Deno.remove(into, { recursive: true });
  }
});

Deno.test("unpacking can be given up before and on the way", async () => {
  const files = [{ name: BOTH[0], data: CONFIG }, { name: BOTH[1], data: noise(4 << 20) }];
  for (const [kind, bytes] of [["zip", makeZip(files)], ["tar", makeTar(files)]] as const) {
    for (const early of [true, false]) {
      const into = await Deno.makeTempDir();
      const archive = join(into, "archive");
      await Deno.writeFile(archive, bytes);
      const gone = new AbortController();
      if (early) gone.abort(new Error("gone"));
      const unpacking = extractBundle(archive, kind, { ...options(into), signal: gone.signal });
      // The configuration comes first: once it is there, the tensors are under way.
      if (!early) watchFor(join(into, BOTH[0])).then(() => gone.abort(new Error("gone")));
      await assert.rejects(unpacking, { message: "gone" });
      assert.ok((await namesIn(into)).includes("archive"));
      await Deno.remove(into, { recursive: true });
    }
  }
});

Deno.test("a file that is in the way is not written over", async () => {
  const outside = await Deno.makeTempFile();
  const into = await Deno.makeTempDir();
  await Deno.symlink(outside, join(into, BOTH[0]));
  const archive = join(into, "archive");
  await Deno.writeFile(archive, GOOD[0].bytes);
  await assert.rejects(extractBundle(archive, "zip", options(into)), Deno.errors.AlreadyExists);
  assert.equal(await Deno.readTextFile(outside), "");
  await Deno.remove(outside);
  await Deno.remove(into, { recursive: true });
});

async function watchFor(path: string): Promise<void> {
  while (!await Deno.stat(path).then(() => true, () => false)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function options(into: string) {
  return { into, maxBytes: MAX_BYTES, signal: new AbortController().signal };
}

async function unpackInto({ kind, bytes }: Pick<ArchiveCase, "kind" | "bytes">) {
  const root = await Deno.makeTempDir();
  const into = join(root, "into");
  await Deno.mkdir(into);
  await Deno.writeFile(join(root, "archive"), bytes);
  const error: unknown = await extractBundle(join(root, "archive"), kind, options(into))
    .then(() => undefined, (error) => error);
  return {
    into,
    error,
    list: async () => ({ root: await namesIn(root), into: await namesIn(into) }),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}
