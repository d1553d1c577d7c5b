import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAzurite } from "./azurite.ts";
import { startS3 } from "./s3.ts";
import { ServiceProcess } from "./service_process.ts";

const GONE_MS = 10_000;

async function listens(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint);
  try {
    (await Deno.connect({ hostname, port: Number(port) })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

async function goesAway(endpoint: string): Promise<boolean> {
  for (const start = performance.now(); performance.now() - start < GONE_MS;) {
    if (!await listens(endpoint)) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return false;
}

const STARTS = { "s3.ts": startS3, "azurite.ts": startAzurite };

for (const [file, start] of Object.entries(STARTS)) {
  Deno.test(`${file}: a stopped service is gone`, async () => {
    const service = await start();
    assert(await listens(service.endpoint));
    await service.stop();
    assert(!await listens(service.endpoint));
  });

  Deno.test(`${file}: a service ends with a test process that is killed`, async () => {
    const url = JSON.stringify(new URL(file, import.meta.url).href);
    const program = `const service = await (await import(${url})).${start.name}();
      console.log(service.endpoint);
      setInterval(() => {}, 1000);`;
    const leftovers = await mkdtemp(join(tmpdir(), "weft-killed-"));
    const parent = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--config", "deno.json", "--frozen", program],
      env: { TMPDIR: leftovers },
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const endpoint = (await reader.read()).value?.trim() ?? "";
    assert(await listens(endpoint));
    parent.kill("SIGKILL");
    await reader.cancel();
    await parent.status;
    assert(await goesAway(endpoint), `something still listens on ${endpoint}`);
    await rm(leftovers, { recursive: true });
  });
}

Deno.test("a service that doesn't start is an error with what it printed", async () => {
  await assert.rejects(
    ServiceProcess.start({
      name: "broken",
      command: () => ["sh", "-c", "echo no such luck >&2; exit 3"],
      listening: /port (\d+)/,
    }),
    /^Error: broken did not start\. It printed:\nno such luck\n$/,
  );
});
