/** Paths below an allowed directory that lead out of it, or to what would hang. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { HostileCase } from "./cases.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

/** Makes them in `root`. */
export async function hostilePaths(root: string): Promise<HostileCase[]> {
  const cases: HostileCase[] = [];
  async function add(name: string, code: string, make: (path: string) => Promise<void>) {
    const path = join(root, name);
    await make(path);
    cases.push({ what: name, url: pathToFileURL(path).href, code });
  }
  const folder = async (path: string, fill: (path: string) => Promise<void>) => {
    await Deno.mkdir(path);
    await fill(path);
  };
  await add("link", "path_not_allowed", (path) => Deno.symlink("/etc", path));
  await add("link.zip", "path_not_allowed", (path) => Deno.symlink("/etc/passwd", path));
  await add("circle", "unavailable", (path) => Deno.symlink(path, path));
  await add("linked-config", "path_not_allowed", (path) =>
    folder(path, async () => {
      await Deno.symlink("/etc/passwd", join(path, CONFIG));
      await Deno.writeTextFile(join(path, WEIGHTS), "x");
    }));
  await add("linked-tensors", "path_not_allowed", (path) =>
    folder(path, async () => {
      await Deno.writeTextFile(join(path, CONFIG), "{}");
      await Deno.symlink("/dev/zero", join(path, WEIGHTS));
    }));
  await add("pipe", "bad_adapter", (path) =>
    folder(path, async () => {
      await makePipe(join(path, CONFIG));
      await Deno.writeTextFile(join(path, WEIGHTS), "x");
    }));
  await add("pipe.tar", "bad_adapter", makePipe);
  await add("folders", "bad_adapter", (path) =>
    folder(path, async () => {
      for (const name of [CONFIG, WEIGHTS]) await Deno.mkdir(join(path, name));
    }));
  await add("empty", "missing_file", (path) => Deno.mkdir(path));
  await add("absent", "missing_file", () => Promise.resolve());
  await add("absent.zip", "missing_file", () => Promise.resolve());
  await add("pickle", "pickle_not_allowed", (path) =>
    folder(path, async () => {
      await Deno.writeTextFile(join(path, CONFIG), "{}");
      await Deno.writeTextFile(join(path, "adapter_model.bin"), "x");
    }));
  await add("huge", "download_too_large", (path) =>
    folder(path, async () => {
      await Deno.writeTextFile(join(path, CONFIG), "{}");
      await Deno.writeTextFile(join(path, WEIGHTS), "");
      await Deno.truncate(join(path, WEIGHTS), 2 ** 40);
    }));
  return cases;
}

/** Whoever opens one to read waits for a writer. */
async function makePipe(path: string): Promise<void> {
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success, "mkfifo");
}
