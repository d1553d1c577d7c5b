import assert from "node:assert/strict";
import { join } from "node:path";
import { ServerProcess, startServer } from "./server_process.ts";

Deno.test("a server that measured its kernels remembers, and refuses a file that it can't read", async () => {
  const stateDir = await Deno.makeTempDir();
  const file = join(stateDir, "tuning.json");
  const tuningOf = async (...flags: string[]) => {
    const server = await startServer({ flags: ["--router", "none", ...flags], stateDir });
    const { tuning } = await (await fetch(`${server.url}/health`)).json();
    const [, gpu] = /^GPU +(.*)$/m.exec(server.process.stdout)!;
    server.process.kill("SIGTERM");
    assert.equal(await server.process.exit(), 0);
    return { tuning, gpu };
  };
  try {
    assert.equal((await tuningOf()).tuning, "default");
    await Deno.writeTextFile(file, "not JSON");
    const refused = new ServerProcess({ flags: ["--router", "none"], stateDir });
    refused.url().catch(() => {});
    assert.equal(await refused.exit(60_000), 1);
    assert.match(refused.stderr, /^weft: Cannot use the tuning in ".*tuning\.json".*--tune/m);
    const measured = await tuningOf("--tune");
    assert.equal(measured.tuning, "measured");
    assert.match(measured.gpu, /kernels as measured$/);
    const stored = await tuningOf();
    assert.equal(stored.tuning, "stored");
    assert.match(stored.gpu, /kernels as stored$/);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});
