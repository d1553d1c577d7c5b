import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMachine } from "../../../tools/setup/machine.ts";
import { planSetup } from "../../../tools/setup/plan.ts";

const SETUP = ["--no-prompt", "--allow-read", "--allow-env", "--allow-run", "--allow-sys=uid"];

/** Runs setup as the task does, with an environment of its own on top. */
async function runSetup(env: Record<string, string>): Promise<{ code: number; output: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...SETUP, "tools/setup/main.ts"],
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, output: new TextDecoder().decode(stderr) };
}

Deno.test("setup on a machine that is set up says what WebGPU runs on and changes nothing", async () => {
  const { code, output } = await runSetup({});
  assert.equal(code, 0, output);
  assert.match(output, /^setup: WebGPU runs on .+\n$/);
});

/** A PATH whose `apt-get` fails as it does without a network; nothing real can be installed. */
async function withBrokenApt(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "weft-setup-"));
  try {
    await writeFile(
      join(folder, "apt-get"),
      `#!/bin/sh\necho "$@" >&2\necho "E: Unable to locate package $2" >&2\nexit 100\n`,
      { mode: 0o755 },
    );
    await symlink("/bin/sh", join(folder, "sh"));
    await test(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test({
  name: "setup without a driver, where nothing can be installed, ends with code 1 and a way out",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withBrokenApt(async (path) => {
      const { code, output } = await runSetup({
        PATH: path,
        VK_DRIVER_FILES: "nowhere.json",
        VK_ICD_FILENAMES: "nowhere.json",
        DENO_WEBGPU_BACKEND: "vulkan",
      });
      assert.equal(code, 1, output);
      assert.match(output, /No WebGPU adapter found/);
      assert.match(output, /Vulkan driver/);
      // Only root on Debian or a descendant gets as far as trying.
      const tries = planSetup(await readMachine(), null).kind === "install";
      assert.equal(output.includes("E: Unable to locate package"), tries, output);
      assert.equal(output.includes(`"apt-get" failed`), tries, output);
    }),
});
