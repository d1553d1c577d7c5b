import type { AdapterFiles } from "./files.ts";

/**
 * The content's identity: sha256 over the sha256 of the configuration's bytes and the sha256 of the
 * tensors' file, as 64 hexadecimal digits.
 */
export async function generationOf(files: AdapterFiles): Promise<string> {
  return (await digestsOf(files)).generation;
}

/** `generation`, and the `sha256` of the tensors' file alone, as `sha256sum` prints it. */
export async function digestsOf(
  { config, weights }: AdapterFiles,
): Promise<{ generation: string; sha256: string }> {
  const digests = await Promise.all([sha256(config), sha256(weights)]);
  const both = new Uint8Array(digests.flatMap((digest) => [...digest]));
  return { generation: (await sha256(both)).toHex(), sha256: digests[1].toHex() };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
