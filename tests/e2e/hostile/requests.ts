/** Orders that are wrong in themselves. */
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { SECRET } from "./cases.ts";

export interface BadRequest {
  what: string;
  method?: string;
  path: string;
  /** Sent as it is, where it is a text. */
  body?: unknown;
  headers?: Record<string, string>;
  status: number;
  code: string | null;
}

const PUT = "/v1/adapters/hostile";
const URL_OF_ONE = `https://a.example.test/x?sig=${SECRET}`;
const body = (what: string, value: unknown, code: string | null = null): BadRequest => ({
  what,
  path: PUT,
  body: value,
  status: 400,
  code,
});
const name = (text: string, code = "bad_name", status = 400): BadRequest => ({
  what: `the name ${JSON.stringify(text.slice(0, 20))}`,
  path: `/v1/adapters/${encodeURIComponent(text)}`,
  body: { url: URL_OF_ONE },
  status,
  code,
});
const from = (what: string, headers: Record<string, string>): BadRequest => ({
  what,
  path: PUT,
  body: { url: URL_OF_ONE },
  headers,
  status: 403,
  code: "admin_off",
});

export const BAD_REQUESTS: readonly BadRequest[] = [
  body("no JSON", `{"url": "https://${SECRET}`, "invalid_json"),
  body("nothing", "", "invalid_json"),
  body("an array", []),
  body("null", "null"),
  body("a number", "1e999"),
  body("deep JSON", "[".repeat(500_000) + "]".repeat(500_000)),
  body("deep JSON in a field", `{"url":${"[".repeat(200_000)}${"]".repeat(200_000)}}`),
  body("no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "invalid_json"),
  body("no URL", {}),
  body("a URL that is a number", { url: 7 }),
  body("an empty URL", { url: "" }),
  body("a URL of 9,000 characters", { url: `https://a.example.test/${"x".repeat(9000)}${SECRET}` }),
  body("a URL with half a character", `{"url": "https://a.example.test/\\ud800"}`),
  body("an unknown field", { url: URL_OF_ONE, force: true }, "unknown_field"),
  body("__proto__", `{"url": "${URL_OF_ONE}", "__proto__": {"wait": false}}`, "unknown_field"),
  body("a short sha256", { url: URL_OF_ONE, sha256: "abc" }),
  body("a generation that is none", { url: URL_OF_ONE, expected_generation: "../../etc" }),
  body("a pin that is a text", { url: URL_OF_ONE, pinned: "yes" }),
  {
    ...body("another type", `url=${URL_OF_ONE}`, "unsupported_media_type"),
    headers: { "content-type": "text/plain" },
    status: 415,
  },
  { ...body("a body beyond all", `"${"x".repeat(5 << 20)}"`, "request_too_large"), status: 413 },
  name("a b"),
  name("a/b"),
  name("../../../etc/passwd"),
  name("a\0b"),
  name("a\r\nx-evil: 1"),
  name("żółć"),
  name("😀"),
  name("%2e%2e%2f"),
  name("x".repeat(129)),
  name("<script>"),
  name("' OR 1=1 --"),
  name("auto", "name_taken", 409),
  name("demo", "name_taken", 409),
  { ...name("a b"), what: "a bad name that is asked for", method: "GET", body: undefined },
  { ...name("a b"), what: "a bad name that is deleted", method: "DELETE", body: undefined },
  {
    what: "an adapter that isn't there",
    method: "DELETE",
    path: "/v1/adapters/__proto__",
    status: 404,
    code: "adapter_not_found",
  },
  {
    what: "a generation of nothing",
    path: PUT,
    body: { url: URL_OF_ONE, expected_generation: "0".repeat(64) },
    status: 409,
    code: "generation_conflict",
  },
  {
    what: "a URL in another site's request",
    method: "POST",
    path: "/v1/chat/completions",
    headers: { origin: "https://evil.test" },
    body: {
      model: "demo",
      messages: [{ role: "user", content: "x" }],
      lora: [{ url: `https://169.254.169.254/?sig=${SECRET}` }],
    },
    status: 403,
    code: "admin_off",
  },
  {
    what: "vLLM's endpoint with a relative path",
    method: "POST",
    path: "/v1/load_lora_adapter",
    body: { lora_name: "hostile", lora_path: "../../etc" },
    status: 400,
    code: "bad_url",
  },
  {
    what: "vLLM's endpoint with a path of this machine",
    method: "POST",
    path: "/v1/load_lora_adapter",
    body: { lora_name: "hostile", lora_path: "/etc" },
    status: 403,
    code: "path_not_allowed",
  },
  from("another site's page", { origin: "https://evil.test" }),
  from("a page without an origin", { origin: "null" }),
  from("another site's form", { "sec-fetch-site": "cross-site" }),
  from("a proxy", { "x-forwarded-for": "127.0.0.1" }),
  from("a name that resolves to this machine", { host: "evil.test" }),
];

/** Sends one as it is. */
export async function send(
  base: string,
  { method = "PUT", path, body, headers = {} }: BadRequest,
): Promise<{ status: number; answer: string }> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array || body === undefined;
  const init = {
    method,
    headers: { "content-type": "application/json", ...headers },
    body: isRaw ? body as BodyInit | undefined : JSON.stringify(body),
  };
  if (headers.host !== undefined) return await sendToHost(base + path, init);
  const response = await fetch(base + path, init);
  return { status: response.status, answer: await response.text() };
}

/** fetch sends no Host but its own. */
function sendToHost(
  url: string,
  { method, headers, body }: { method: string; headers: Record<string, string>; body: unknown },
): Promise<{ status: number; answer: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
  httpRequest(url, { method, headers, agent: false }, (response) => {
    text(response).then((answer) => resolve({ status: response.statusCode!, answer }), reject);
  }).on("error", reject).end(body);
  return promise;
}
