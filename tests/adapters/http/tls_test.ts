import assert from "node:assert/strict";
import { createOriginClient } from "../../../adapters/http/mod.ts";
import { FaultServer, testAuthority } from "../fault_server.ts";
import { object } from "../faults.ts";

const BYTES = Uint8Array.of(1, 2, 3);
const NETWORKS = ["127.0.0.1/32"];

/** Asks a TLS server on this machine under a name, which resolves to it. */
async function ask(host: string, { authorities }: { authorities: string[] }): Promise<Uint8Array> {
  await using server = FaultServer.start({ "/a": object(BYTES) }, { tls: true });
  const url = server.url("/a", host);
  using client = createOriginClient({
    allowedHosts: [url.host],
    allowedNetworks: NETWORKS,
    extraAuthorities: authorities,
    resolve: () => Promise.resolve(["127.0.0.1"]),
  });
  const { body } = await client.request({ url, signal: new AbortController().signal });
  return await new Response(body).bytes();
}

Deno.test("a certificate is checked against the name, though the connection goes to an address", async () => {
  const authorities = [testAuthority()];
  assert.deepEqual(await ask("a.example.test", { authorities }), BYTES);
  await assert.rejects(() => ask("a.other.test", { authorities }), { reason: "tls_failed" });
  await assert.rejects(() => ask("a.b.example.test", { authorities }), { reason: "tls_failed" });
});

Deno.test("a certificate for an address is checked against it", async () => {
  const authorities = [testAuthority()];
  assert.deepEqual(await ask("127.0.0.1", { authorities }), BYTES);
});

Deno.test("an authority that isn't trusted is refused", async () => {
  await assert.rejects(() => ask("a.example.test", { authorities: [] }), { reason: "tls_failed" });
});

Deno.test("a server that speaks no TLS fails the handshake", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    using connection = await listener.accept();
    await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await connection.read(new Uint8Array(1024));
  })();
  const url = new URL(`https://a.example.test:${listener.addr.port}/`);
  using client = createOriginClient({
    allowedHosts: [url.host],
    allowedNetworks: NETWORKS,
    resolve: () => Promise.resolve(["127.0.0.1"]),
  });
  const asking = client.request({ url, signal: new AbortController().signal });
  await assert.rejects(() => asking, { reason: "tls_failed" });
  await answering;
  listener.close();
});
