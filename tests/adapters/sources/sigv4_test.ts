import assert from "node:assert/strict";
import { bearer, sigv4 } from "../../../adapters/sources/sigv4.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, its published example. */
const KEY = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const NOW = () => new Date("2013-05-24T00:00:00.000Z");
const SCOPE = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const VECTORS = {
  "?lifecycle": "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  "?max-keys=2&prefix=J": "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
};

Deno.test("signatures are those of AWS's published examples", async () => {
  const sign = sigv4(KEY, { region: "us-east-1", now: NOW });
  for (const [query, signature] of Object.entries(VECTORS)) {
    const headers = await sign(new URL(`https://examplebucket.s3.amazonaws.com/${query}`));
    assert.deepEqual(headers, {
      authorization: `AWS4-HMAC-SHA256 Credential=${SCOPE}, ` +
        `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
      "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "x-amz-date": "20130524T000000Z",
    });
  }
});

Deno.test("a session token goes along and is signed", async () => {
  const sign = sigv4({ ...KEY, sessionToken: "token" }, { region: "us-east-1", now: NOW });
  const headers = await sign(new URL("https://examplebucket.s3.amazonaws.com/?lifecycle"));
  assert.equal(headers["x-amz-security-token"], "token");
  assert.match(headers.authorization, /SignedHeaders=host;[^,]*;x-amz-security-token,/);
  assert(!headers.authorization.includes(VECTORS["?lifecycle"]));
});

Deno.test("a day's signing key is not used on the next day", async () => {
  let now = NOW();
  const url = new URL("https://examplebucket.s3.amazonaws.com/?lifecycle");
  const sign = sigv4(KEY, { region: "us-east-1", now: () => now });
  await sign(url);
  now = new Date("2013-05-25T00:00:00.000Z");
  const fresh = sigv4(KEY, { region: "us-east-1", now: () => now });
  assert.deepEqual(await sign(url), await fresh(url));
});

Deno.test("a bearer token is sent as it is", async () => {
  assert.deepEqual(await bearer("ya29.token")(new URL("https://example.org")), {
    authorization: "Bearer ya29.token",
  });
});
