import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_MANIFEST_BYTES, parseManifest } from "../../../adapters/registry/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { hex } from "./rows.ts";

const SECRET = "sig=Zm9vYmFy";
const URL_WITH_SECRET = `https://account.blob.example/adapters/sql?${SECRET}`;

Deno.test("a manifest names adapters with their URLs, pins of content and pins in memory", () => {
  const { adapters } = parse({
    version: 1,
    adapters: {
      sql: { url: URL_WITH_SECRET },
      "fr.v2": { url: "s3://bucket/fr", sha256: hex("A"), pinned: true },
      chat: { url: "hf://owner/name@main", pinned: false },
    },
  });
  assert.deepEqual(Object.fromEntries(adapters), {
    sql: { url: URL_WITH_SECRET, sha256: null, pinned: null, examples: null },
    "fr.v2": { url: "s3://bucket/fr", sha256: hex("a"), pinned: true, examples: null },
    chat: { url: "hf://owner/name@main", sha256: null, pinned: false, examples: null },
  });
  assert.equal(parse({ version: 1, adapters: {} }).adapters.size, 0);
});

Deno.test("names that objects treat specially are names like any other", () => {
  const text = `{"version": 1, "adapters": {"__proto__": {"url": "s3://b/a"},
    "constructor": {"url": "s3://b/b"}, "7": {"url": "s3://b/c"}}}`;
  const { adapters } = parseManifest(new TextEncoder().encode(text));
  assert.deepEqual([...adapters.keys()].sort(), ["7", "__proto__", "constructor"]);
  assert.equal(adapters.get("__proto__")?.url, "s3://b/a");
});

Deno.test("what is not a manifest is refused with the field at fault, and no value is quoted", async (t) => {
  const url = URL_WITH_SECRET;
  const cases: [string, unknown, RegExp][] = [
    ["an empty object of storage", "", /not JSON/],
    ["an HTML page", `<a href="${url}">`, /not JSON/],
    ["cut JSON", `{"version": 1, "adapters": {"sql": {"url": "${url}"`, /not JSON \(line 1 column/],
    ["a stray word", `{"version": 1, "adapters": {"sql": {"url": ${url}}}}`, /not JSON/],
    ["no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), /not UTF-8/],
    ["an array", [url], /the manifest: .*object/],
    ["null", null, /the manifest: /],
    ["no version", { adapters: {} }, /version: /],
    ["another version", { version: 2, adapters: {} }, /version: /],
    ["no adapters", { version: 1 }, /adapters: must be an object/],
    ["a list of adapters", { version: 1, adapters: [{ url }] }, /adapters: must be an object/],
    [
      "an unknown key",
      { version: 1, adapters: {}, token: url },
      /"token" is not a key.*version, adapters/,
    ],
    [
      "a URL as a key",
      { version: 1, adapters: {}, [url]: 1 },
      /"https…" \(\d+ characters\) is not a key/,
    ],
    [
      "a URL as a name",
      { version: 1, adapters: { [url]: { url } } },
      /adapters: "https…" .*not a name/,
    ],
    ["too few examples", { version: 1, adapters: { sql: { url, examples: ["a"] } } }, /examples/],
    ["an empty name", { version: 1, adapters: { "": { url } } }, /not a name/],
    [
      "a long name",
      { version: 1, adapters: { ["a".repeat(129)]: { url } } },
      /"a{12}…".*not a name/,
    ],
    ["a bare URL", adapter(url), /adapters\["sql"\]: .*expected object/],
    ["no URL", adapter({}), /adapters\["sql"\]\.url: /],
    ["a number for a URL", adapter({ url: 7 }), /adapters\["sql"\]\.url: /],
    ["a relative URL", adapter({ url: `a?${SECRET}` }), /\["sql"\]\.url: must be an absolute URL/],
    [
      "a URL with a line end",
      adapter({ url: `${url}\n` }),
      /\["sql"\]\.url: must be an absolute URL/,
    ],
    ["a long URL", adapter({ url: url + "x".repeat(8192) }), /\["sql"\]\.url: .*8192/],
    ["half a sha256", adapter({ url, sha256: "abc" }), /\["sql"\]\.sha256: must be 64/],
    ["null for a sha256", adapter({ url, sha256: null }), /\["sql"\]\.sha256: /],
    ["a string for pinned", adapter({ url, pinned: "yes" }), /\["sql"\]\.pinned: /],
    [
      "an adapter's unknown key",
      adapter({ url, rank: 8 }),
      /"rank" is not a key.*url, sha256, pinned/,
    ],
    [
      "a name that stands twice",
      '{"version":1,"adapters":{"sql":{},"\\u0073ql":{}}}',
      /"sql" appears twice/,
    ],
    ["a URL that stands twice", `{"${url}":1,"${url}":1}`, /"https…" .*appears twice/],
    [
      "deep nesting",
      `{"version":1,"adapters":{"a":${"[".repeat(1e5)}${"]".repeat(1e5)}}}`,
      /adapters\["a"\]: /,
    ],
    [
      "too many bytes",
      new Uint8Array(MAX_MANIFEST_BYTES + 1),
      /has 16777217 bytes, at most 16777216/,
    ],
  ];
  for (const [name, content, message] of cases) {
    await t.step(name, () => {
      assert.throws(() => parse(content), (error: unknown) => {
        assert.ok(error instanceof WeftError);
        assert.equal(error.code, "invalid_request");
        assert.match(error.message, /^Cannot use the manifest: /);
        assert.match(error.message, message);
        assert.ok(!error.message.includes(SECRET), error.message);
        assert.ok(error.message.length < 300, error.message);
        return true;
      });
    });
  }
});

Deno.test("a manifest of 80,000 adapters is read", () => {
  const names = Array.from({ length: 80_000 }, (_, index) => `adapter-${index}`);
  const entry = { url: `s3://bucket/adapters/${"x".repeat(100)}` };
  const adapters = Object.fromEntries(names.map((name) => [name, entry]));
  assert.equal(parse({ version: 1, adapters }).adapters.size, 80_000);
});

Deno.test("a manifest of more adapters than a fleet has is refused", () => {
  const adapters = Object.fromEntries(
    Array.from({ length: 100_001 }, (_, i) => [`a${i}`, { url: "s3://b/x" }]),
  );
  const bytes = new TextEncoder().encode(JSON.stringify({ version: 1, adapters }));
  assert.throws(() => parseManifest(bytes), { message: /100001 adapters, at most 100000/ });
});

Deno.test("any JSON is a manifest or refused without a crash", () => {
  const value = fc.oneof(
    fc.json(),
    fc.json().map((json) => `{"version": 1, "adapters": ${json}}`),
    fc.json().map((json) => `{"version": 1, "adapters": {"a": ${json}}}`),
    fc.string(),
  );
  fc.assert(fc.property(value, (text) => {
    try {
      parse(text);
    } catch (error) {
      assert.ok(error instanceof WeftError, String(error));
    }
  }));
});

function adapter(value: unknown): unknown {
  return { version: 1, adapters: { sql: value } };
}

/** Text and bytes as they are, anything else as JSON. */
function parse(content: unknown) {
  if (content instanceof Uint8Array) return parseManifest(content);
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return parseManifest(new TextEncoder().encode(text));
}
