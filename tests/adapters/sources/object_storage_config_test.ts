import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import { ObjectStorageConfig } from "../../../adapters/sources/object_storage_config.ts";

function configOf(
  env: Record<string, string> = {},
  file?: Record<string, unknown> | string,
): ObjectStorageConfig {
  const text = typeof file === "string" ? file : JSON.stringify(file);
  return new ObjectStorageConfig({
    env: (name) => env[name],
    file: file === undefined ? undefined : { path: "storage.json", text },
  });
}

const AWS = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret-of-env" };
const AWS_KEY = { accessKeyId: "id", secretAccessKey: "secret-of-env", sessionToken: undefined };

Deno.test("S3 without settings is Amazon's, anonymous, virtual where the bucket can be a label", () => {
  const { endpoint, ...settings } = configOf().s3("bucket");
  assert.equal(endpoint.href, "https://s3.us-east-1.amazonaws.com/");
  assert.deepEqual(settings, {
    addressing: "virtual",
    region: "us-east-1",
    credentials: { kind: "anonymous" },
  });
  // A certificate for *.s3… covers no dots.
  assert.equal(configOf().s3("my.bucket").addressing, "path");
  assert.equal(configOf().s3("My_Bucket").addressing, "path");
  const china = configOf({ AWS_DEFAULT_REGION: "cn-north-1" }).s3("bucket").endpoint;
  assert.equal(china.href, "https://s3.cn-north-1.amazonaws.com.cn/");
});

Deno.test("S3 takes the usual variables, the more exact one first", () => {
  const { endpoint, ...settings } = configOf({
    ...AWS,
    AWS_SESSION_TOKEN: "token",
    AWS_REGION: "eu-west-1",
    AWS_DEFAULT_REGION: "us-west-2",
    AWS_ENDPOINT_URL: "https://all.example.org",
    AWS_ENDPOINT_URL_S3: "https://s3.example.org:9000/base",
  }).s3("bucket");
  assert.equal(endpoint.href, "https://s3.example.org:9000/base");
  assert.deepEqual(settings, {
    addressing: "path",
    region: "eu-west-1",
    credentials: { kind: "key", key: { ...AWS_KEY, sessionToken: "token" } },
  });
});

Deno.test("an entry goes before the environment, for its bucket alone", () => {
  const config = configOf({ ...AWS, HERE: "secret-of-variable" }, {
    "s3://bucket": {
      endpoint: "http://127.0.0.1:9000",
      region: "garage",
      addressing: "path",
      accessKeyId: "other",
      secretAccessKey: { env: "HERE" },
    },
    "s3://open": { anonymous: true },
    "s3://elsewhere": { endpoint: "https://s3.example.org" },
    "s3://ours": { region: "eu-central-1" },
  });
  const { endpoint, region, credentials } = config.s3("bucket");
  assert.deepEqual([endpoint.href, region], ["http://127.0.0.1:9000/", "garage"]);
  assert.deepEqual(credentials, {
    kind: "key",
    key: {
      accessKeyId: "other",
      secretAccessKey: "secret-of-variable",
      sessionToken: undefined,
    },
  });
  assert.deepEqual(config.s3("open").credentials, { kind: "anonymous" });
  assert.deepEqual(config.s3("ours").credentials, { kind: "key", key: AWS_KEY });
  assert.deepEqual(config.s3("another").credentials, { kind: "key", key: AWS_KEY });
});

Deno.test("the environment's credentials are not sent to an endpoint that an entry names", () => {
  const env = {
    ...AWS,
    GOOGLE_OAUTH_ACCESS_TOKEN: "token",
    AZURE_STORAGE_ACCOUNT: "ours",
    AZURE_STORAGE_KEY: "a2V5",
  };
  const endpoint = "https://storage.example.org";
  const config = configOf(env, {
    "s3://bucket": { endpoint },
    "gs://bucket": { endpoint },
    "az://container": { endpoint },
    "az://theirs": { account: "theirs" },
  });
  assert.deepEqual(config.s3("bucket").credentials, { kind: "anonymous" });
  assert.deepEqual(config.gs("bucket").credentials, { kind: "anonymous" });
  assert.deepEqual(config.azure("container").credentials, { kind: "anonymous" });
  assert.deepEqual(config.azure("theirs").credentials, { kind: "anonymous" });
  assert.equal(config.azure("theirs").endpoint.href, "https://theirs.blob.core.windows.net/");
});

Deno.test("Google takes HMAC keys or a bearer token", () => {
  const hmac = { GS_ACCESS_KEY_ID: "GOOG1E", GS_SECRET_ACCESS_KEY: "secret" };
  const { endpoint, ...settings } = configOf(hmac).gs("bucket");
  assert.equal(endpoint.href, "https://storage.googleapis.com/");
  assert.deepEqual(settings, {
    addressing: "path",
    region: "auto",
    credentials: { kind: "key", key: { accessKeyId: "GOOG1E", secretAccessKey: "secret" } },
  });
  assert.deepEqual(configOf({ GOOGLE_OAUTH_ACCESS_TOKEN: "ya29" }).gs("bucket").credentials, {
    kind: "bearer",
    token: "ya29",
  });
  assert.deepEqual(configOf().gs("bucket").credentials, { kind: "anonymous" });
});

Deno.test("Azure takes an account with a key, a signature or neither", () => {
  const account = { AZURE_STORAGE_ACCOUNT: "account" };
  assert.deepEqual(configOf({ ...account, AZURE_STORAGE_KEY: "a2V5" }).azure("container"), {
    endpoint: new URL("https://account.blob.core.windows.net"),
    credentials: { kind: "key", account: "account", key: "a2V5" },
  });
  assert.deepEqual(
    configOf({ ...account, AZURE_STORAGE_SAS_TOKEN: "?sv=1&sig=x" }).azure("container").credentials,
    { kind: "sas", token: "sv=1&sig=x" },
  );
  assert.deepEqual(configOf(account).azure("container").credentials, { kind: "anonymous" });
  const local = { AZURE_STORAGE_ENDPOINT: "http://127.0.0.1:10000/account" };
  assert.equal(configOf({ ...account, ...local }).azure("c1").endpoint.pathname, "/account");
  assert.throws(() => configOf().azure("container"), /az:\/\/container has no account/);
});

Deno.test("the hosts that it names are those of its endpoints over https", () => {
  const config = configOf({ AWS_ENDPOINT_URL: "https://minio.example.org:9000" }, {
    "s3://virtual": { endpoint: "https://s3.example.org", addressing: "virtual" },
    "s3://local": { endpoint: "http://127.0.0.1:9000" },
    "s3://again": {},
    "gs://bucket": {},
    "az://container": { account: "account" },
  });
  assert.deepEqual(config.hostsNamed(), [
    "virtual.s3.example.org:443",
    "minio.example.org:9000",
    "storage.googleapis.com:443",
    "account.blob.core.windows.net:443",
  ]);
  assert.deepEqual(configOf().hostsNamed(), []);
});

const SECRET = "hunter2hunter2";
const BAD_FILES: Record<string, [file: Record<string, unknown> | string, message: RegExp]> = {
  "no JSON": [`{"s3://b": {"secretAccessKey": "${SECRET}",}}`, /it is not JSON/],
  "a list": [`["${SECRET}"]`, /it must be a JSON object$/],
  "a key twice": [`{"s3://bkt": {}, "s3://bkt": {}}`, /names a key twice/],
  "an unknown scheme": [{ [`https://${SECRET}`]: {} }, /each key must be s3:\/\/BUCKET/],
  "a key in a name": [{ [`s3://id:${SECRET}@bkt`]: {} }, /each key must be s3:\/\/BUCKET/],
  "a prefix": [{ "s3://bkt/prefix": {} }, /each key must be s3:\/\/BUCKET/],
  "an unknown field": [
    { "s3://bkt": { secretAcessKey: SECRET } },
    /"s3:\/\/bkt": Unrecognized key: "secretAcessKey"$/,
  ],
  "another kind's field": [{ "s3://bkt": { token: SECRET } }, /Unrecognized key: "token"$/],
  "an entry that is none": [{ "s3://bkt": SECRET }, /"s3:\/\/bkt": .*expected object/],
  "a number as secret": [
    { "s3://bkt": { accessKeyId: 5, secretAccessKey: SECRET } },
    /"s3:\/\/bkt"\.accessKeyId: expected a text that is not empty, or \{"env"/,
  ],
  "half a key": [
    { "s3://bkt": { secretAccessKey: SECRET } },
    /accessKeyId and secretAccessKey go together$/,
  ],
  "two kinds of credentials": [
    { "gs://bkt": { token: SECRET, anonymous: true } },
    /two kinds of credentials/,
  ],
  "a key and a signature": [
    { "az://container": { account: "account", key: "a2V5", sas: SECRET } },
    /two kinds of credentials/,
  ],
  "a variable that is not set": [
    { "s3://bkt": { accessKeyId: "id", secretAccessKey: { env: "NOT_SET" } } },
    /"s3:\/\/bkt"\.secretAccessKey: the variable "NOT_SET" is not set$/,
  ],
  "an endpoint with a user": [
    { "s3://bkt": { endpoint: `https://me:${SECRET}@example.org` } },
    /"s3:\/\/bkt"\.endpoint: expected an https or http URL/,
  ],
  "another scheme's endpoint": [{ "s3://bkt": { endpoint: "ftp://example.org" } }, /\.endpoint: /],
  "an unknown addressing": [{ "s3://bkt": { addressing: SECRET } }, /\.addressing: /],
  "a region with a slash": [
    { "s3://bkt": { region: `x/${SECRET}` } },
    /\.region: expected letters/,
  ],
  "a key that is no Base64": [
    { "az://container": { account: "account", key: `${SECRET}!` } },
    /"az:\/\/container"\.key: expected Base64$/,
  ],
  "an account with a dot": [
    { "az://container": { account: "a.evil" } },
    /\.account: expected 3 to/,
  ],
};

for (const [name, [file, message]] of Object.entries(BAD_FILES)) {
  Deno.test(`a file with ${name} is refused with its place and without its secrets`, () => {
    assert.throws(() => configOf({}, file), (error) => {
      assert(error instanceof WeftError);
      assert.equal(error.code, "invalid_request");
      assert.match(error.message, /^Cannot use the object storage file "storage\.json": /);
      assert.match(error.message, message);
      assert(!error.message.includes(SECRET), error.message);
      return true;
    });
  });
}

Deno.test("variables that are no good are refused by name when they are needed, not before", () => {
  const cases: [Record<string, string>, (config: ObjectStorageConfig) => unknown, RegExp][] = [
    [
      { AWS_ACCESS_KEY_ID: SECRET },
      (config) => config.s3("bkt"),
      /AWS_SECRET_ACCESS_KEY go together/,
    ],
    [{ AWS_REGION: `${SECRET}/` }, (config) => config.s3("bkt"), /AWS_REGION/],
    [{ AWS_ENDPOINT_URL: SECRET }, (config) => config.s3("bkt"), /AWS_ENDPOINT_URL is not/],
    [
      { GS_ACCESS_KEY_ID: SECRET },
      (config) => config.gs("bkt"),
      /GS_SECRET_ACCESS_KEY go together/,
    ],
    [
      { AZURE_STORAGE_ACCOUNT: `${SECRET}.` },
      (config) => config.azure("c"),
      /AZURE_STORAGE_ACCOUNT/,
    ],
    [
      { AZURE_STORAGE_ACCOUNT: "account", AZURE_STORAGE_KEY: `${SECRET}!` },
      (config) => config.azure("c"),
      /AZURE_STORAGE_KEY is not Base64/,
    ],
  ];
  for (const [env, use, message] of cases) {
    const config = configOf(env);
    assert.throws(() => use(config), (error) => {
      assert(error instanceof WeftError);
      assert.match(error.message, message);
      assert(!error.message.includes(SECRET), error.message);
      return true;
    });
  }
});

Deno.test("a bucket that cannot be a part of a host's name is not addressed so", () => {
  const virtual = (endpoint: string) => ({ endpoint, addressing: "virtual" });
  for (
    const [bucket, endpoint] of [["bucket", "https://192.0.2.1"], ["my_Bucket", "https://x.org"]]
  ) {
    const config = configOf({}, { [`s3://${bucket}`]: virtual(endpoint) });
    assert.throws(() => config.s3(bucket), /cannot be a part of a host's name/);
  }
});
