/**
 * A static origin on loopback. `/<adapter>/<n>/<file>` is one of the demo's adapters with `n` in its last number,
 * so that each n is content of its own; `/blob/<n>/…` is no adapter, but as large as was asked for. Below `/far/` answers come
 * late, as from another town.
 */
import { CONFIG_FILE, WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import { DEMO } from "../demo_model.ts";
import { FAR_MS, type OriginOptions } from "./origin_options.ts";

interface Files {
  config: Uint8Array<ArrayBuffer>;
  weights: Uint8Array<ArrayBuffer>;
}

const scope = self as unknown as Pick<Worker, "onmessage" | "postMessage">;

scope.onmessage = ({ data }: MessageEvent<OriginOptions>) => {
  const files = new Map(data.adapters.map((name) => [name, readDemo(name)]));
  const { config } = readDemo(data.adapters[0]);
  files.set("blob", { config, weights: pattern(data.blobBytes) });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const path = new URL(request.url).pathname;
      if (!path.startsWith("/far/")) return answer(request, path, files);
      await new Promise((resolve) => setTimeout(resolve, FAR_MS));
      return answer(request, path.slice("/far".length), files);
    },
  );
  scope.postMessage(server.addr.port);
};

function answer(request: Request, path: string, files: ReadonlyMap<string, Files>): Response {
  const [, name, version, file] = path.split("/");
  const found = files.get(name);
  if (found === undefined || (file !== CONFIG_FILE && file !== WEIGHTS_FILE)) {
    return new Response(null, { status: 404 });
  }
  const etag = `"${name}-${version}"`;
  if (request.headers.get("if-none-match") === etag) {
    return new Response(null, { status: 304, headers: { etag } });
  }
  const bytes = file === CONFIG_FILE ? found.config : numbered(found.weights, Number(version));
  return new Response(bytes, { headers: { etag, "content-length": String(bytes.byteLength) } });
}

function readDemo(name: string): Files {
  return {
    config: Deno.readFileSync(`${DEMO}/adapters/${name}/${CONFIG_FILE}`),
    weights: Deno.readFileSync(`${DEMO}/adapters/${name}/${WEIGHTS_FILE}`),
  };
}

/** The last 16 bits are a tiny number of a tensor. The array is the same one at each call. */
function numbered(weights: Uint8Array<ArrayBuffer>, n: number): Uint8Array<ArrayBuffer> {
  new DataView(weights.buffer).setUint16(weights.byteLength - 2, n, true);
  return weights;
}

function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) values[i] = (i * 2654435761) >>> 24;
  return values;
}
