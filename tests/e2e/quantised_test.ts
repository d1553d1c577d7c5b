import assert from "node:assert/strict";
import { startServer } from "./server_process.ts";

Deno.test("a server with --quantize int4 says so, answers with an adapter, and ends well", async () => {
  const server = await startServer({ flags: ["--quantize", "int4"] });
  const health = await (await fetch(`${server.url}/health`)).json();
  assert.equal(health.quantize, "int4");
  assert.match(server.process.stdout, /^Model +demo, int4 weights, f(16|32) cache, context/m);
  const { choices } = await server.client.chat.completions.create({
    model: "plurals",
    messages: [{
      role: "user",
      content: "What is the plural of key?\nPick one:\nmice\nkeys\nkeies\nknives",
    }],
    temperature: 0,
  });
  assert.equal(choices[0].message.content, "keys");
  server.process.kill("SIGTERM");
  assert.equal(await server.process.exit(), 0);
});
