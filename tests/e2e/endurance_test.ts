import assert from "node:assert/strict";
import { ask, neverEnding, stream } from "./requests.ts";
import { rssMib, stepsOf, type TestServer, withServer } from "./server_process.ts";

const REQUESTS = 200;
/** What 100 short requests may add once caches and pools are warm; a leak of a prompt's tensors is more. */
const MAX_GROWTH_MIB = 48;

Deno.test("pace and memory of a server in use", async (t) => {
  const step = stepsOf(t);
  const logit_bias = await neverEnding();
  await withServer({}, async (server) => {
    await step("a stream's chunks come as they are made, not all at the end", async () => {
      await stream(server, { logit_bias });
      const sentAt = performance.now();
      const { times } = await stream(server, { max_tokens: 64, logit_bias });
      const [first, last] = [times[0] - sentAt, times.at(-1)! - sentAt];
      const gaps = times.slice(1).map((time, i) => time - times[i]);
      console.log(
        `first text after ${first.toFixed(0)} ms, the last after ${last.toFixed(0)} ms, ` +
          `${times.length} chunks, the longest gap ${Math.max(...gaps).toFixed(0)} ms`,
      );
      assert.ok(first < last / 3, "the first text comes early");
      // Bursts of up to 4 tokens: 64 tokens are 16 chunks or more, each after its own wait.
      assert.ok(times.length >= 16);
      const middle = (times[times.length >> 1] - sentAt) / last;
      assert.ok(middle > 0.25 && middle < 0.75, "half of the chunks come in half of the time");
      assert.ok(Math.max(...gaps) < last / 2);
    });

    await step(`memory stays bounded over ${REQUESTS} requests`, async () => {
      const sizes = [await rssMib(server)];
      for (let i = 0; i < REQUESTS; i += 10) {
        await Promise.all(Array.from({ length: 10 }, (_, k) => shortRequest(server, i + k)));
        sizes.push(await rssMib(server));
      }
      console.log(`resident MiB every 10 requests: ${sizes.join(" ")}`);
      const growth = sizes.at(-1)! - sizes[REQUESTS / 20];
      assert.ok(growth < MAX_GROWTH_MIB, `the second half of them took ${growth} MiB`);
    }, { ignore: Deno.build.os !== "linux" });
  });
});

function shortRequest(server: TestServer, i: number): Promise<unknown> {
  const { base, adapters } = server;
  const fields = {
    model: i % 2 === 0 ? base : adapters[i % adapters.length],
    messages: [{ role: "user" as const, content: `${i}: the cat, the dog and ${i} green cups` }],
    max_tokens: 2,
  };
  return i % 3 === 0 ? stream(server, fields) : ask(server, fields);
}
