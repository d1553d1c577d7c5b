import assert from "node:assert/strict";
import { join } from "node:path";
import { localCatalogue } from "../../../adapters/sources/local_catalogue.ts";
import { LocalSource } from "../../../adapters/sources/local_source.ts";
import { makeTar } from "../download/tar_builder.ts";
import { withTempDir } from "../download/support.ts";
import { readText, SIGNAL } from "./support.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const OPTIONS = { maxBytes: 10_000 };

async function writeAdapter(directory: string, content = "x"): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(join(directory, CONFIG), `config ${content}`);
  await Deno.writeTextFile(join(directory, WEIGHTS), `weights ${content}`);
}

Deno.test("a directory is read once, and anew when it changed", async () => {
  await withTempDir(async (root) => {
    const path = join(root, "a");
    await writeAdapter(path);
    const source = new LocalSource(path, OPTIONS);
    const first = await readText(source);
    assert.deepEqual([first?.config, first?.weights, first?.staged], ["config x", "weights x", []]);
    assert.equal(await readText(source, { unless: first!.version }), null);
    await Deno.writeTextFile(join(path, WEIGHTS), "other");
    const second = await readText(source, { unless: first!.version });
    assert.equal(second?.weights, "other");
    assert.notEqual(second?.version, first!.version);
  });
});

Deno.test("a link to a directory may be pointed elsewhere", async () => {
  await withTempDir(async (root) => {
    for (const name of ["v1", "v2"]) await writeAdapter(join(root, name), name);
    const link = join(root, "a");
    await Deno.symlink(join(root, "v1"), link);
    const source = new LocalSource(link, OPTIONS);
    const first = await readText(source);
    await Deno.symlink(join(root, "v2"), join(root, "next"));
    await Deno.rename(join(root, "next"), link);
    const second = await readText(source, { unless: first!.version });
    assert.deepEqual([second?.config, second?.weights], ["config v2", "weights v2"]);
  });
});

Deno.test("what is missing, too large or no file is told apart", async () => {
  await withTempDir(async (root) => {
    const path = join(root, "a");
    await writeAdapter(path);
    const reasonIs = (reason: string, options = OPTIONS) =>
      assert.rejects(
        readText(new LocalSource(path, options)),
        (error: Error & { reason: string }) => {
          assert.equal(error.reason, reason);
          assert(!error.message.includes(root));
          return true;
        },
      );
    await reasonIs("download_too_large", { maxBytes: 3 });
    await Deno.remove(join(path, WEIGHTS));
    await reasonIs("missing_file");
    await Deno.writeTextFile(join(path, "adapter_model.bin"), "pickle");
    await reasonIs("pickle_not_allowed");
    await Deno.mkdir(join(path, WEIGHTS));
    await reasonIs("bad_adapter");
    await Deno.remove(path, { recursive: true });
    await reasonIs("missing_file");
  });
});

Deno.test("a bundle on this machine is read and left as it is", async () => {
  await withTempDir(async (root) => {
    const path = join(root, "a.tar");
    const bytes = makeTar([{ name: CONFIG, data: "c" }, { name: WEIGHTS, data: "w" }]);
    await Deno.writeFile(path, bytes);
    const source = new LocalSource(path, OPTIONS);
    const read = await readText(source);
    assert.deepEqual([read?.config, read?.weights, read?.staged], ["c", "w", []]);
    assert.deepEqual(await Deno.readFile(path), bytes);
    assert.equal(await readText(source, { unless: read!.version }), null);
    // A directory is one, whatever its name ends in.
    await writeAdapter(join(root, "b.tar"));
    assert.equal(
      (await readText(new LocalSource(join(root, "b.tar"), OPTIONS)))?.config,
      "config x",
    );
  });
});

Deno.test("below a root, neither dots nor links lead out of it", async () => {
  await withTempDir(async (directory) => {
    const root = join(directory, "root");
    const outside = join(directory, "outside");
    await writeAdapter(join(root, "good"));
    await writeAdapter(outside);
    const options = { ...OPTIONS, roots: [root] };
    const refused = { reason: "path_not_allowed" };

    assert.equal(
      (await readText(new LocalSource(join(root, "good"), options)))?.config,
      "config x",
    );
    // Nothing is looked at: whether the place exists makes no difference.
    for (
      const path of [outside, join(root, "../outside"), `${root}_2`, "/", join(directory, "no")]
    ) {
      assert.throws(() => new LocalSource(path, options), refused, path);
    }
    assert.throws(() => new LocalSource(root, { ...OPTIONS, roots: [] }), refused);

    await Deno.symlink(outside, join(root, "link"));
    await assert.rejects(readText(new LocalSource(join(root, "link"), options)), refused);
    for (const file of [CONFIG, WEIGHTS]) {
      const path = join(root, `linked_${file}`);
      await writeAdapter(path);
      await Deno.remove(join(path, file));
      await Deno.symlink(join(outside, file), join(path, file));
      await assert.rejects(readText(new LocalSource(path, options)), refused);
    }
    // Within the root, links are as good as anything.
    await Deno.symlink(join(root, "good"), join(root, "alias"));
    assert((await readText(new LocalSource(join(root, "alias"), options))) !== null);
  });
});

Deno.test("a root may be a link itself", async () => {
  await withTempDir(async (directory) => {
    await writeAdapter(join(directory, "real", "a"));
    await Deno.symlink(join(directory, "real"), join(directory, "root"));
    const roots = [join(directory, "root")];
    const source = new LocalSource(join(directory, "root", "a"), { ...OPTIONS, roots });
    assert((await readText(source)) !== null);
  });
});

Deno.test("a directory's adapters are its sub-directories with an adapter's files, or itself", async () => {
  await withTempDir(async (root) => {
    for (const name of ["b", "a", "no name"]) await writeAdapter(join(root, name));
    await Deno.mkdir(join(root, "empty"));
    await Deno.mkdir(join(root, "pickled"));
    await Deno.writeTextFile(join(root, "pickled", "adapter_model.bin"), "pickle");
    await Deno.writeTextFile(join(root, "file"), "x");
    const problems: string[] = [];
    const found = await localCatalogue(root, OPTIONS).list(SIGNAL, (problem) => {
      problems.push(problem);
    });
    assert.deepEqual(found.map(({ name, url }) => [name, url]), [
      ["a", join(root, "a")],
      ["b", join(root, "b")],
      ["pickled", join(root, "pickled")],
    ]);
    assert.equal(problems.length, 1);
    assert.match(problems[0], /no name is left out/);
    const [only] = await localCatalogue(join(root, "a"), OPTIONS).list(SIGNAL);
    assert.deepEqual([only.name, only.url], ["a", join(root, "a")]);
    await assert.rejects(localCatalogue(join(root, "absent"), OPTIONS).list(SIGNAL), {
      reason: "missing_file",
    });
  });
});
