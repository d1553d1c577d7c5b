/** The demo's adapters as an origin serves them: over HTTP, replaced and damaged at will. */
import { join } from "node:path";
import { FaultServer } from "../adapters/fault_server.ts";
import type { Json } from "./server_process.ts";
import { object, type ObjectOptions } from "../adapters/faults.ts";

const DEMO = "models/demo/adapters";
const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

/** The two files of an adapter. */
export interface Content {
  config: Uint8Array<ArrayBuffer>;
  weights: Uint8Array<ArrayBuffer>;
}

/** The demo's task adapters, by name. */
export function demoContents(): Map<string, Content> {
  const names = [...Deno.readDirSync(DEMO)].map(({ name }) => name)
    .filter((name) => name !== "joint").sort();
  return new Map(names.map((name) => [name, {
    config: Deno.readFileSync(join(DEMO, name, CONFIG)),
    weights: Deno.readFileSync(join(DEMO, name, WEIGHTS)),
  }]));
}

/** An HTTP server on loopback whose folders are adapters. */
export class AdapterOrigin implements AsyncDisposable {
  readonly server = FaultServer.start();
  #versions = 0;

  /** What lets a server fetch from here. */
  get flags(): string[] {
    return [
      "--allow-insecure-loopback",
      "--allow-adapter-host",
      `127.0.0.1:${this.server.port}`,
    ];
  }

  url(folder: string): string {
    return this.server.url(`/${folder}`).href;
  }

  /** Places content in a folder, with new ETags; `options` are those of the weights. */
  place(
    folder: string,
    { config, weights }: Content,
    options: Omit<ObjectOptions, "etag"> = {},
  ): void {
    const version = ++this.#versions;
    const { paths } = this.server;
    paths.set(`/${folder}/${CONFIG}`, object(config, { etag: `"c${version}"` }));
    paths.set(`/${folder}/${WEIGHTS}`, object(weights, { ...options, etag: `"w${version}"` }));
  }

  /** Takes a folder away. */
  remove(folder: string): void {
    for (const file of [CONFIG, WEIGHTS]) this.server.paths.delete(`/${folder}/${file}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** What its tensors take in memory, as f32. */
export function tensorBytes({ weights }: Content): number {
  const length = Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + length)));
  delete header.__metadata__;
  return Object.values<Json>(header).reduce(
    (sum, { shape: [rows, columns] }) => sum + 4 * rows * columns,
    0,
  );
}
