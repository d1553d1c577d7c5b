import { join } from "node:path";
import type { DiskCache } from "../../../adapters/disk/mod.ts";
import { generationOf } from "../../../adapters/peft/generation.ts";
import { type AdapterFiles, CONFIG_FILE, WEIGHTS_FILE } from "../../../adapters/peft/mod.ts";

export interface Example {
  files: AdapterFiles;
  generation: string;
}

/** Content of exactly so many bytes; another seed gives another. The cache never looks into it. */
export async function example(seed: number, bytes = 1000): Promise<Example> {
  const config = new TextEncoder().encode(`{"seed":${String(seed).padStart(8, "0")}}`);
  const weights = new Uint8Array(bytes - config.byteLength).fill(seed);
  const files = { config, weights };
  return { files, generation: await generationOf(files) };
}

/** Puts content into a directory, as a download would. */
export async function write(path: string, { config, weights }: AdapterFiles): Promise<void> {
  await Deno.writeFile(join(path, CONFIG_FILE), config);
  await Deno.writeFile(join(path, WEIGHTS_FILE), weights);
}

export async function keep(cache: DiskCache, { files, generation }: Example): Promise<void> {
  await using staging = await cache.stage();
  await write(staging.path, files);
  await staging.keep(generation);
}

export async function namesIn(...path: string[]): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(join(...path)))).map(({ name }) => name).sort();
}

/** A directory that goes with the test. */
export async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
