import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import { parseAzurePage, parseS3Page } from "../../../adapters/sources/bucket_listing_xml.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function s3Page(contents: string, rest = "<IsTruncated>false</IsTruncated>"): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>bucket</Name>${rest}${contents}
</ListBucketResult>`;
}

const OBJECT = "<Contents><Key>a+b%2Bc%20d</Key><LastModified>2026-01-01T00:00:00Z</LastModified>" +
  "<ETag>&quot;abc-2&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>";

Deno.test("S3: keys are decoded only where the page says they are encoded", () => {
  const encoded = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>";
  const read = (text: string) => parseS3Page(encode(text), "s3://bucket/");
  assert.deepEqual(read(s3Page(OBJECT)), {
    objects: [{ key: "a+b%2Bc%20d", size: 12, etag: '"abc-2"' }],
    next: null,
  });
  assert.equal(read(s3Page(OBJECT, encoded)).objects[0].key, "a b+c d");
  const more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t=/+</NextContinuationToken>";
  assert.equal(read(s3Page(OBJECT, more)).next, "t=/+");
});

Deno.test("Azure: bare ETags get their quotes, names that XML cannot hold are decoded", () => {
  const blob = (name: string) =>
    `<Blob>${name}<Properties><Etag>0x8D</Etag><Content-Length>3</Content-Length></Properties></Blob>`;
  const page = `\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults>
    <Blobs>${blob("<Name>a%20b</Name>")}${blob('<Name Encoded="true">a%EF%BF%BE</Name>')}</Blobs>
    <NextMarker>2!76!</NextMarker></EnumerationResults>`;
  assert.deepEqual(parseAzurePage(encode(page), "az://container/"), {
    objects: [
      { key: "a%20b", size: 3, etag: '"0x8D"' },
      { key: "a\ufffe", size: 3, etag: '"0x8D"' },
    ],
    next: "2!76!",
  });
  const last = "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";
  assert.deepEqual(parseAzurePage(encode(last), "az://c/"), { objects: [], next: null });
});

const BOMB = `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">${
  Array.from({ length: 20 }, (_, i) =>
    `<!ENTITY b${i} "${`&${i === 0 ? "a" : `b${i - 1}`};`.repeat(10)}">`)
    .join("")
}]>`;

const BAD: Record<string, string | Uint8Array> = {
  "nothing": "",
  "text": "Service unavailable",
  "JSON": '{"objects": []}',
  "HTML": "<html><body>Sign in<br></body></html>",
  "another document": "<Error><Code>AccessDenied</Code></Error>",
  "a page that ends early": s3Page(OBJECT).slice(0, -40),
  "what follows its root": `${s3Page(OBJECT)}<more/>`,
  "an entity bomb": BOMB + s3Page("<Contents><Key>&b19;</Key></Contents>"),
  "a file as entity": `<!DOCTYPE l [<!ENTITY f SYSTEM "file:///etc/hostname">]>${
    s3Page(OBJECT.replace("a+b", "&f;"))
  }`,
  "an unknown entity": s3Page(OBJECT.replace("a+b", "&nbsp;")),
  "elements too deep": s3Page("<a>".repeat(100_000)),
  "more elements than a listing has": s3Page("<a/>".repeat(250_001)),
  "more attributes than a listing has": s3Page(
    `<a ${Array.from({ length: 250_001 }, (_, i) => `a${i}=""`).join(" ")}/>`,
  ),
  "no size": s3Page(OBJECT.replace("<Size>12</Size>", "")),
  "a size that is none": s3Page(OBJECT.replace("12", "-1")),
  "a size beyond numbers": s3Page(OBJECT.replace("12", "9".repeat(20))),
  "no ETag": s3Page(OBJECT.replace(/<ETag>.*<\/ETag>/, "")),
  "no key": s3Page(OBJECT.replace(/<Key>.*<\/Key>/, "<Key/>")),
  "an encoding that is none": s3Page(
    OBJECT.replace("a+b", "%zz"),
    "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>",
  ),
  "no word on its end": s3Page(OBJECT, ""),
  "an end without a token": s3Page(OBJECT, "<IsTruncated>true</IsTruncated>"),
  "no UTF-8": Uint8Array.of(...encode(s3Page("")), 0xff),
};

for (const [name, page] of Object.entries(BAD)) {
  Deno.test(`a listing with ${name} is a bad response, said without its text`, () => {
    const bytes = typeof page === "string" ? encode(page) : page;
    for (const parse of [parseS3Page, parseAzurePage]) {
      assert.throws(() => parse(bytes, "s3://bucket/x/"), (error) => {
        assert(error instanceof WeftError);
        assert.equal(error.reason, "bad_response");
        assert.match(error.message, /^the listing of s3:\/\/bucket\/x\/ cannot be read: /);
        assert(error.message.length < 200, error.message);
        return true;
      });
    }
  });
}
