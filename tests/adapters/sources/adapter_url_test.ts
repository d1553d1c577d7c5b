import assert from "node:assert/strict";
import fc from "fast-check";
import {
  below,
  formOf,
  parsePlace,
  redact,
  stemOf,
} from "../../../adapters/sources/adapter_url.ts";
import { WeftError } from "../../../engine/core/errors.ts";

Deno.test("URLs and paths are told apart", () => {
  for (const scheme of ["https", "http", "s3", "gs", "az", "hf"]) {
    const place = parsePlace(`${scheme.toUpperCase()}://Host/Path`);
    assert(place.kind === "remote");
    assert.equal(place.scheme, scheme);
    assert.equal(place.url.pathname, "/Path");
  }
  // A bucket's name keeps its letters.
  const bucket = parsePlace("s3://Bucket/a");
  assert(bucket.kind === "remote" && bucket.url.host === "Bucket");
  const paths: [string, string][] = [
    ["/srv/adapters", "/srv/adapters"],
    ["/srv/../etc/x", "/etc/x"],
    ["adapters/a", `${Deno.cwd()}/adapters/a`],
    ["file:///srv/a%20b", "/srv/a b"],
    ["file://localhost/srv/a", "/srv/a"],
  ];
  for (const [text, path] of paths) assert.deepEqual(parsePlace(text), { kind: "local", path });
});

Deno.test("what is no adapter's URL is refused, and says why", () => {
  const cases: [string, string][] = [
    ["", "bad_url"],
    [`https://host/${"x".repeat(9000)}`, "bad_url"],
    ["https:host/path", "bad_url"],
    ["https://", "bad_url"],
    ["https://host:99999/", "bad_url"],
    ["https://[::1/", "bad_url"],
    ["https://user@host/a", "bad_url"],
    ["https://:password@host/a", "bad_url"],
    ["s3://key:secret@bucket/a", "bad_url"],
    ["s3:///bucket", "bad_url"],
    ["https://host/a#part", "bad_url"],
    ["https://host/a b", "bad_url"],
    ["https://host\\@other/a", "bad_url"],
    ["https://ho\tst/a", "bad_url"],
    ["https://host/\n", "bad_url"],
    ["https://host/%ff", "bad_url"],
    ["file://host/a", "bad_url"],
    ["file:a", "bad_url"],
    ["file:///a%2fb", "bad_url"],
    ["file:///a%00", "bad_url"],
    ["file:///a?b", "bad_url"],
    ["/a\0b", "bad_url"],
    ["ftp://host/a", "scheme_not_allowed"],
    ["javascript:alert(1)", "scheme_not_allowed"],
    ["data:text/plain,x", "scheme_not_allowed"],
    ["gopher://127.0.0.1:6379/_x", "scheme_not_allowed"],
  ];
  for (const [text, reason] of cases) {
    assert.throws(() => parsePlace(text), { reason }, text.slice(0, 50));
  }
});

Deno.test("a path's ending tells a bundle from a directory", () => {
  const cases: [string, string, string][] = [
    ["a/sql", "directory", "sql"],
    ["a/sql/", "directory", "sql"],
    ["a/sql.zip", "zip", "sql"],
    ["a/v1.2.tar.gz", "tar.gz", "v1.2"],
    ["sql.TGZ", "tar.gz", "sql"],
    ["sql.tar", "tar", "sql"],
    ["sql.safetensors", "safetensors", "sql"],
    ["sql.bin", "directory", "sql.bin"],
    ["a.zip/b", "directory", "b"],
    ["", "directory", ""],
  ];
  for (const [path, form, stem] of cases) {
    assert.equal(formOf(path), form, path);
    assert.equal(stemOf(path), stem, path);
  }
});

Deno.test("a file's name goes into the path, before the query, and comes back as it was", () => {
  const url = new URL("https://host/a/?sig=1%2F2&x=y");
  assert.equal(below(url, "b c/d?e").href, "https://host/a/b%20c/d%3Fe?sig=1%2F2&x=y");
  assert.equal(below(new URL("s3://bucket"), "x").href, "s3://bucket/x");
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (parts) => {
      const key = parts.join("/");
      fc.pre(key.isWellFormed() && !key.split("/").some((part) => [".", ".."].includes(part)));
      assert.equal(decodeURIComponent(below(new URL("s3://b/p"), key).pathname), `/p/${key}`);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("people see a URL without user, query and fragment", () => {
  const cases: [string, string][] = [
    ["https://user:pw@host:8443/a/b?sig=x#y", "https://host:8443/a/b"],
    ["hf://owner/name@main/sub", "hf://owner/name@main/sub"],
    ["file:///srv/a", "file:///srv/a"],
    ["/srv/a", "/srv/a"],
    ["/srv/a?sig=x", "/srv/a"],
    ["user:pw@host/a", "(a URL that cannot be shown)"],
    ["x://user@host/a", "(a URL that cannot be shown)"],
    ["s_3://user@host/a", "(a URL that cannot be shown)"],
    ["us_er:pw@host/a", "(a URL that cannot be shown)"],
    ["https://host\\user:pw@x", "(a URL that cannot be shown)"],
    ["https://user:pw@host:99999/", "(a URL that cannot be shown)"],
  ];
  for (const [text, shown] of cases) assert.equal(redact(text), shown);
});

Deno.test("no secret of a URL is ever shown, well-formed or not", () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  const secret = fc.stringMatching(/^SECRET[A-Za-z0-9]{1,12}$/);
  const scheme = fc.constantFrom(
    "https",
    "http",
    "s3",
    "gs",
    "az",
    "hf",
    "file",
    "ftp",
    "x",
    "s_3",
    "",
  );
  const slashes = fc.constantFrom("://", ":", ":/", ":///", "//", "");
  const user = fc.option(fc.tuple(secret, fc.option(secret)));
  const query = fc.option(fc.tuple(fc.constantFrom("?", "?sig=", "?a=b&X-Amz-Signature="), secret));
  const fragment = fc.option(secret);
  const port = fc.constantFrom("", ":443", ":99999", ":x");
  const path = fc.constantFrom("", "/", "/a.zip", "/a b", "/%zz", "/a/../b", "\\a", "/a\0");
  fc.assert(
    fc.property(
      fc.record({ scheme, slashes, user, host: word, port, path, query, fragment }),
      (parts) => {
        const { scheme, slashes, user, host, port, path, query, fragment } = parts;
        // Without slashes, what stands before "@" is no user but a path; a lone name there isn't secret.
        fc.pre(user === null || slashes === "://" || user[1] !== null);
        const text = [
          scheme,
          slashes,
          user === null ? "" : `${user[0]}${user[1] === null ? "" : `:${user[1]}`}@`,
          host,
          port,
          path,
          query?.join("") ?? "",
          fragment === null ? "" : `#${fragment}`,
        ].join("");
        // A scheme is required for a user to be one.
        fc.pre(user === null || scheme !== "");
        assert.doesNotMatch(redact(text), /secret/i, text);
        try {
          const place = parsePlace(text);
          if (place.kind === "remote") assert.doesNotMatch(redact(place.url), /secret/i, text);
        } catch (error) {
          assert(error instanceof WeftError && error.reason !== undefined);
          assert.doesNotMatch(error.message, /secret/i, text);
        }
      },
    ),
    { numRuns: 3000 },
  );
});
