/// <reference lib="deno.worker" />
/** Serves objects from memory on a thread of its own, with ETags, as object storage does. */
const scope = self as unknown as DedicatedWorkerGlobalScope;
const objects = new Map<string, { bytes: Uint8Array<ArrayBuffer>; etag: string }>();
let version = 0;

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
  const object = objects.get(new URL(request.url).pathname);
  if (!object) return new Response("nothing here", { status: 404 });
  const headers = { etag: object.etag };
  if (request.headers.get("if-none-match") === object.etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(object.bytes, { headers });
});

scope.onmessage = ({ data }: MessageEvent<Record<string, Uint8Array<ArrayBuffer>>>) => {
  for (const [path, bytes] of Object.entries(data)) {
    objects.set(path, { bytes, etag: `"v${++version}"` });
  }
  scope.postMessage(server.addr.port);
};
