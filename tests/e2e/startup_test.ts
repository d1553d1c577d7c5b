import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSION } from "../../config.ts";
import { ServerProcess } from "./server_process.ts";

const DEMO = "models/demo";

/** Runs the server with flags that end it by themselves. */
async function runToEnd(...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  const process = new ServerProcess({ flags });
  process.url().catch(() => {});
  const code = await process.exit(60_000);
  return { code, out: process.stdout, err: process.stderr };
}

/** A failed start: its exit code, nothing on stdout, and one line that says what was wrong. */
async function assertFails(flags: string[], code: number, reason: RegExp): Promise<void> {
  const ended = await runToEnd(...flags, "--log-level", "error");
  assert.equal(ended.out, "");
  assert.match(ended.err, /^weft: [^\n]+\n$/, "one line, without a stack");
  assert.match(ended.err, reason);
  assert.equal(ended.code, code, ended.err);
}

Deno.test("--help and --version print and end with code 0", async () => {
  const help = await runToEnd("--help");
  assert.equal(help.code, 0);
  assert.match(help.out, /--max-lora-rank/);
  assert.deepEqual(await runToEnd("--version"), { code: 0, out: `weft ${VERSION}\n`, err: "" });
});

Deno.test("flags that are no good end the start with code 2", async () => {
  await assertFails(["--prot", "80"], 2, /--prot.*--help/);
  await assertFails(["--port", "80000"], 2, /"80000" for --port.*65535/);
  await assertFails(["serve"], 2, /serve/);
});

Deno.test("a model that is not there or no good ends the start with code 1", async () => {
  const directory = await Deno.makeTempDir();
  const write = (config: string) => Deno.writeTextFile(join(directory, "config.json"), config);
  const start = ["--model", directory];
  try {
    await assertFails(["--model", "models/nowhere"], 1, /models\/nowhere/);
    await assertFails(start, 1, /config\.json/);
    await write("{ this is no JSON");
    await assertFails(start, 1, /config\.json/);
    await write(JSON.stringify({ architectures: ["MambaForCausalLM"], model_type: "mamba" }));
    await assertFails(start, 1, /[Mm]amba/);
    for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(join(DEMO, file), join(directory, file));
    }
    await assertFails(start, 1, /safetensors/);
    await Deno.copyFile(join(DEMO, "model.safetensors"), join(directory, "model.safetensors"));
    await Deno.truncate(join(directory, "model.safetensors"), 100_000);
    await assertFails(start, 1, /safetensors/);
    await assertFails(["--adapters", join(directory, "none")], 1, /adapter directory/);
    await assertFails(["--max-model-len", "65536"], 1, /65536.*--max-model-len/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("an address that cannot be listened on ends the start with code 1", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await assertFails(["--port", String(port)], 1, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`));
  await assertFails(["--host", "192.0.2.1", "--port", "0"], 1, /192\.0\.2\.1/);
});
