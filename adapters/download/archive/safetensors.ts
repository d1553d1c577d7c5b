import { rename } from "node:fs/promises";
import { join } from "node:path";
import { FileSource } from "../../../engine/core/byte_source.ts";
import { readSafetensors } from "../../../engine/core/safetensors.ts";
import { CONFIG_FILE, MAX_WEIGHTS_HEADER_BYTES, WEIGHTS_FILE } from "../../peft/mod.ts";
import { adapterError } from "../../reasons.ts";
import { writeNew } from "./files.ts";
import type { UnpackOptions } from "./options.ts";

/**
 * Takes a lone tensors' file apart: its configuration is a text in its metadata, itself it is moved, unchanged.
 *
 * @throws {WeftError} for what must not be; `bad_adapter` when it breaks the format.
 */
export async function unpackSafetensors(
  path: string,
  { into, maxBytes }: UnpackOptions,
): Promise<void> {
  const config = await readConfig(path, maxBytes);
  await writeNew(join(into, CONFIG_FILE), ReadableStream.from([config]));
  await rename(path, join(into, WEIGHTS_FILE));
}

async function readConfig(path: string, maxBytes: number): Promise<Uint8Array> {
  using source = await FileSource.open(path);
  if (source.size > maxBytes) {
    throw adapterError(
      "download_too_large",
      `it has ${source.size} bytes; at most ${maxBytes} are allowed`,
    );
  }
  const { metadata } = await readSafetensors(source, {
    code: "bad_adapter",
    label: "the file",
    maxHeaderBytes: MAX_WEIGHTS_HEADER_BYTES,
  });
  const config = metadata.get(CONFIG_FILE);
  if (config !== undefined) return new TextEncoder().encode(config);
  throw adapterError(
    "missing_file",
    `a lone .safetensors file must hold its configuration as the text ` +
      `__metadata__["${CONFIG_FILE}"], and this one does not`,
  );
}
