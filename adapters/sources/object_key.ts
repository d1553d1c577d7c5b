import { adapterError } from "../reasons.ts";

/** Percent-encodes all but RFC 3986's unreserved characters, as signatures want it. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A key as a URL's path, its slashes kept. */
export function encodeKey(key: string): string {
  return key.split("/").map(encodePart).join("/");
}

/** A query string with its question mark. */
export function encodeQuery(parameters: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(parameters).map((pair) => pair.map(encodePart).join("="));
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** @throws {WeftError} `path_not_allowed` for a key that a URL would turn into another one. */
export function refuseDots(key: string, location: string): void {
  if (!/(^|\/)\.{1,2}(\/|$)/.test(key)) return;
  throw adapterError("path_not_allowed", `${location} has "." or ".." as a part of its key`);
}
