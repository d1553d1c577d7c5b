import assert from "node:assert/strict";
import { type Config, readConfig, VERSION } from "../config.ts";

function config(args: string[] = [], env: Record<string, string> = {}): Config {
  const command = readConfig(args, (name) => env[name]);
  assert.ok(command.kind === "serve");
  return command.config;
}

Deno.test("the defaults serve the demo pack on 127.0.0.1:8000", () => {
  assert.deepEqual(config(), {
    host: "127.0.0.1",
    port: 8000,
    model: "models/demo",
    servedModelName: "demo",
    adapters: ["models/demo/adapters"],
    router: null,
    adapterManifest: null,
    adapterRefreshSeconds: 60,
    adapterDiskBytes: 10 * 2 ** 30,
    adapterMaxDownloadBytes: 2 ** 31,
    adapterTimeoutSeconds: 600,
    adapterFetches: 4,
    adapterBandwidth: null,
    adapterRoots: [],
    allowedAdapterHosts: [],
    allowedAdapterNetworks: [],
    allowInsecureLoopback: false,
    allowRequestUrls: false,
    adminToken: null,
    objectStorage: null,
    stateDir: ".weft",
    apiKeys: [],
    corsOrigins: [],
    dtype: "auto",
    quantize: "none",
    tune: false,
    gpuMemoryBytes: null,
    kvMemoryBytes: null,
    maxBatch: null,
    maxModelLen: null,
    maxAdapters: null,
    maxLoraRank: null,
    adapterMemoryBytes: 2 ** 31,
    maxQueuedRequests: 256,
    maxQueuedTokens: 262_144,
    hfToken: null,
    hfEndpoint: null,
    drainSeconds: 30,
    logLevel: "info",
    logFormat: "json",
  });
});

Deno.test("the configuration is frozen, its lists too", () => {
  const frozen = config(["--api-key", "a"]);
  assert.throws(() => Object.assign(frozen, { port: 1 }), TypeError);
  assert.throws(() => (frozen.apiKeys as string[]).push("b"), TypeError);
});

Deno.test("a flag wins over WEFT_PORT, which wins over PORT", () => {
  assert.equal(config([], { PORT: "1" }).port, 1);
  assert.equal(config([], { PORT: "1", WEFT_PORT: "2" }).port, 2);
  assert.equal(config(["--port=3"], { PORT: "1", WEFT_PORT: "2" }).port, 3);
  assert.equal(config([], { PORT: "", WEFT_PORT: "" }).port, 8000);
});

Deno.test("weights are quantised by flag or variable", () => {
  assert.equal(config(["--quantize", "int4"], { WEFT_QUANTIZE: "int8" }).quantize, "int4");
  assert.equal(config([], { WEFT_QUANTIZE: "int8" }).quantize, "int8");
});

Deno.test("what is on or off is a bare flag, or a variable that says so", () => {
  assert.equal(config(["--allow-insecure-loopback"]).allowInsecureLoopback, true);
  assert.equal(config([], { WEFT_ALLOW_REQUEST_URLS: "1" }).allowRequestUrls, true);
  assert.equal(config([], { WEFT_ALLOW_REQUEST_URLS: "false" }).allowRequestUrls, false);
  assert.throws(
    () => config([], { WEFT_ALLOW_REQUEST_URLS: "maybe" }),
    /WEFT_ALLOW_REQUEST_URLS: expected true, false, 1 or 0/,
  );
});

Deno.test("a router is a place, or none; without one it is the model's own", () => {
  assert.equal(config(["--router", "s3://bucket/router.onnx"]).router, "s3://bucket/router.onnx");
  assert.equal(config([], { WEFT_ROUTER: "none" }).router, "none");
  assert.equal(config().router, null);
});

Deno.test("lists come from repeated flags or commas in a variable", () => {
  assert.deepEqual(config(["--api-key", "a", "--api-key", "b"]).apiKeys, ["a", "b"]);
  assert.deepEqual(config([], { WEFT_API_KEY: "a, b" }).apiKeys, ["a", "b"]);
  assert.deepEqual(config(["--adapters", "x", "--adapters=y"]).adapters, ["x", "y"]);
});

Deno.test("another model brings no demo adapters, and its name comes from its place", () => {
  assert.deepEqual(config(["--model", "/m/Qwen2.5-0.5B/"]).adapters, []);
  assert.equal(config(["--model", "/m/Qwen2.5-0.5B/"]).servedModelName, "Qwen2.5-0.5B");
  assert.equal(config(["--model", "hf://a/b@main"]).servedModelName, "a/b");
  assert.equal(config(["--served-model-name", "x"]).servedModelName, "x");
});

Deno.test("sizes may have units", () => {
  const sizes = { "1024": 1024, "512MiB": 2 ** 29, "1.5 gb": 1.5e9, "2GiB": 2 ** 31, "8kb": 8000 };
  for (const [text, bytes] of Object.entries(sizes)) {
    assert.equal(config(["--kv-memory", text]).kvMemoryBytes, bytes, text);
    assert.equal(config(["--gpu-memory", text]).gpuMemoryBytes, bytes, text);
  }
});

const BAD: [args: string[], env: Record<string, string>, names: RegExp][] = [
  [["--prot", "1"], {}, /--prot/],
  [["serve"], {}, /serve/],
  [["--port"], {}, /--port/],
  [["--help=yes"], {}, /--help/],
  [["--port", "99999"], {}, /"99999" for --port.*0 to 65535/],
  [["--port", "8e3"], {}, /"8e3" for --port/],
  [["--port", "1", "--port", "2"], {}, /--port 2 times/],
  [[], { PORT: "http" }, /"http" for PORT/],
  [[], { WEFT_MAX_BATCH: "0" }, /"0" for WEFT_MAX_BATCH.*1 to 1024/],
  [["--dtype", "int4"], {}, /"int4" for --dtype.*auto, f16, f32/],
  [["--quantize", "int2"], {}, /"int2" for --quantize.*none, int8, int4/],
  [[], { WEFT_QUANTIZE: "Int8" }, /"Int8" for WEFT_QUANTIZE.*none, int8, int4/],
  [["--kv-memory", "lots"], {}, /"lots" for --kv-memory.*512MiB/],
  [["--kv-memory", "0"], {}, /--kv-memory/],
  [["--log-level", "loud"], {}, /debug, info, warn, error/],
  [["--host", ""], {}, /--host/],
  [["--cors-origin", "example.org"], {}, /"example.org" for --cors-origin/],
];

for (const [args, env, names] of BAD) {
  Deno.test(`${[...args, JSON.stringify(env)].join(" ")} is refused by name`, () => {
    assert.throws(() => config(args, env), { name: "WeftError", message: names });
  });
}

Deno.test("an error about a key does not show the key", () => {
  assert.throws(() => config(["--api-key", "my secret"]), (error: Error) => {
    assert.match(error.message, /--api-key/);
    assert.doesNotMatch(error.message, /my secret/);
    return true;
  });
});

Deno.test("help names every flag, version the version", () => {
  const help = readConfig(["--help"], () => undefined);
  assert.ok(help.kind === "print");
  for (const flag of ["host", "kv-memory", "api-key", "drain-seconds", "log-format"]) {
    assert.match(help.text, new RegExp(`--${flag} `));
  }
  assert.deepEqual(readConfig(["-v"], () => undefined), { kind: "print", text: `weft ${VERSION}` });
});
