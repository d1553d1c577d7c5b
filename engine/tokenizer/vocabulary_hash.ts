import { createHash } from "node:crypto";

/**
 * The identity of a tokenizer for a router: SHA-256 (hex) of its token strings in id order, joined
 * by "\n", as UTF-8. An id without a token counts as the empty string.
 */
export function vocabularyHash(tokens: Iterable<string | undefined>): string {
  const hash = createHash("sha256");
  let first = true;
  for (const token of tokens) {
    hash.update(`${first ? "" : "\n"}${token ?? ""}`, "utf8");
    first = false;
  }
  return hash.digest("hex");
}
