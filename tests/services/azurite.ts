import { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeKey } from "../../adapters/sources/object_key.ts";
import { placeOf } from "../../tools/setup/test_services/place.ts";
import { ServiceProcess } from "./service_process.ts";

const SERVER = fileURLToPath(new URL("azurite_server.ts", import.meta.url));
const VERSION = "2021-12-02";

/** Azurite: Azure Blob Storage on this machine; it verifies Shared Key and SAS. */
export class AzuriteService implements AsyncDisposable {
  readonly account = "wefttests";
  readonly key: string;
  readonly #process: ServiceProcess;

  constructor(process: ServiceProcess, key: string) {
    this.#process = process;
    this.key = key;
  }

  /** Of the account. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#process.port}/${this.account}`;
  }

  /** `isPublic`: all the world may list and read it. */
  async createContainer(container: string, { isPublic = false } = {}): Promise<void> {
    await this.#put(`${container}?restype=container`, {
      headers: isPublic ? { "x-ms-blob-public-access": "container" } : {},
    });
  }

  /** @returns the ETag, quotes included. */
  async put(
    container: string,
    key: string,
    body: Uint8Array<ArrayBuffer> | string,
  ): Promise<string> {
    const headers = await this.#put(`${container}/${encodeKey(key)}`, {
      headers: { "x-ms-blob-type": "BlockBlob" },
      body,
    });
    return headers.get("etag")!;
  }

  /** A shared access signature for a container, that allows what `permissions` says (`r`, `l`). */
  sas(container: string, { permissions = "rl", expires = inAnHour() } = {}): string {
    const resource = `/blob/${this.account}/${container}`;
    const fields = [permissions, "", expires, resource, "", "", "", VERSION, "c"];
    const signature = this.#sign([...fields, "", "", "", "", "", "", ""].join("\n"));
    const query = { sp: permissions, se: expires, sv: VERSION, sr: "c", sig: signature };
    return new URLSearchParams(query).toString();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Signs in a way of its own, so that a mistake of the store's shows. */
  async #put(
    path: string,
    { headers, body = "" }: {
      headers: Record<string, string>;
      body?: Uint8Array<ArrayBuffer> | string;
    },
  ): Promise<Headers> {
    const url = new URL(`${this.endpoint}/${path}`);
    const own: Record<string, string> = {
      ...headers,
      "x-ms-date": new Date().toUTCString(),
      "x-ms-version": VERSION,
    };
    const bytes = new Blob([body]);
    const type = "application/octet-stream";
    const canonical = Object.keys(own).sort().map((name) => `${name}:${own[name]}\n`).join("");
    const query = [...url.searchParams].map(([name, value]) => `\n${name}:${value}`).join("");
    const signature = this.#sign(
      `PUT\n\n\n${bytes.size || ""}\n\n${type}\n\n\n\n\n\n\n${canonical}` +
        `/${this.account}${url.pathname}${query}`,
    );
    const response = await fetch(url, {
      method: "PUT",
      headers: {
        ...own,
        "content-type": type,
        authorization: `SharedKey ${this.account}:${signature}`,
      },
      body: bytes,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`PUT ${path} answered ${response.status}: ${text}`);
    return response.headers;
  }

  #sign(text: string): string {
    return createHmac("sha256", Buffer.from(this.key, "base64")).update(text).digest("base64");
  }
}

/** Starts a server without containers. */
export async function startAzurite(): Promise<AzuriteService> {
  const place = placeOf("azurite");
  const main = join(place, "node_modules/azurite/dist/src/blob/main.js");
  const key = randomBytes(64).toString("base64");
  const permissions = ["--allow-read", "--allow-env", "--allow-sys", "--allow-net=127.0.0.1"];
  const flags = [
    "--silent",
    "--skipApiVersionCheck",
    "--disableTelemetry",
  ];
  const process = await ServiceProcess.start({
    name: "azurite",
    command: (folder) => [
      ...[
        Deno.execPath(),
        "run",
        "--no-prompt",
        "--cached-only",
        "--config",
        join(place, "deno.json"),
      ],
      ...[...permissions, `--allow-write=${folder}`, SERVER, main, ...flags],
      ...["--location", folder, "--blobHost", "127.0.0.1", "--blobPort", "0"],
    ],
    env: { AZURITE_ACCOUNTS: `wefttests:${key}`, NO_COLOR: "1" },
    cwd: place,
    listening: /successfully listens on http:\/\/127\.0\.0\.1:(\d+)/,
  });
  return new AzuriteService(process, key);
}

function inAnHour(): string {
  return `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
}
