import type { AdapterFiles } from "./files.ts";

/**
 * The content's identity: sha256 over the sha256 of the configuration's bytes and the sha256 of the
 * tensors' file, as 64 hexadecimal digits.
 */
export async function generationOf({ config, weights }: AdapterFiles): Promise<string> {
  const digests = await Promise.all([sha256(config), sha256(weights)]);
  const both = new Uint8Array(digests.flatMap((digest) => [...digest]));
  return (await sha256(both)).toHex();
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
