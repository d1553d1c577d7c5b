import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

/** A GET without a body. */
export interface SharedKeyRequest {
  url: URL;
  /** All that go along, by their names in lower case, `x-ms-date` and `x-ms-version` among them. */
  headers: Readonly<Record<string, string>>;
}

/** These are signed by their place, empty where they are absent. */
const PLACED = [
  "content-encoding",
  "content-language",
  "content-length",
  "content-md5",
  "content-type",
  "date",
  "if-modified-since",
  "if-match",
  "if-none-match",
  "if-unmodified-since",
  "range",
];

/**
 * The `Authorization` header of Azure's Shared Key, which covers ranges and conditions too.
 * https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
export function sharedKey(
  { url, headers }: SharedKeyRequest,
  { account, key }: { account: string; key: string },
): string {
  const own = Object.keys(headers).filter((name) => name.startsWith("x-ms-")).sort();
  const text = [
    "GET",
    ...PLACED.map((name) => headers[name] ?? ""),
    ...own.map((name) => `${name}:${headers[name]}`),
    `/${account}${url.pathname}`,
    ...parametersOf(url),
  ].join("\n");
  const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
  return `SharedKey ${account}:${signature}`;
}

function parametersOf({ searchParams }: URL): string[] {
  const names = [...new Set(searchParams.keys())].sort();
  return names.map((name) => `${name.toLowerCase()}:${searchParams.getAll(name).sort().join(",")}`);
}
