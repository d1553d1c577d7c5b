import { createHash } from "node:crypto";

/** Read at once: small enough that hashing it holds nothing else up. */
const CHUNK_BYTES = 1 << 18;

export type DigestKind = "sha256" | "git";

/** A file's digest in hex: sha256, or the sha1 that git gives a blob. */
export async function digestOf(path: string, kind: DigestKind): Promise<string> {
  using file = await Deno.open(path);
  const hash = kind === "sha256"
    ? createHash("sha256")
    : createHash("sha1").update(`blob ${(await file.stat()).size}\0`);
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let n = await file.read(chunk); n !== null; n = await file.read(chunk)) {
    hash.update(chunk.subarray(0, n));
  }
  return hash.digest("hex");
}
