import assert from "node:assert/strict";

Deno.test("in a Worker with the permissions of `start` but no network a router runs and prints nothing", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)),
  );
  const words = (config.tasks.start.command as string).split(" ");
  const flags = words.slice(words.indexOf("run") + 1, -1)
    .filter((flag) => !/^--(allow|deny)-net/.test(flag));
  assert.ok(flags.includes("--cached-only") && flags.includes("--no-prompt"));
  const probe = new URL("./worker_probe_main.ts", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, probe],
    cwd: new URL("../../..", import.meta.url),
    env: { XDG_RUNTIME_DIR: "/tmp", DENO_WEBGPU_BACKEND: "vulkan,metal,dx12" },
  }).output();
  const [told, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(complaint, "");
  assert.ok(success);
  assert.deepEqual(JSON.parse(told), { logits: [7.5, 8.5, 9.5], kept: true });
});
