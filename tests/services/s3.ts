import { fileURLToPath } from "node:url";
import { AwsClient } from "aws4fetch";
import { findSwift } from "../../tools/setup/test_services/swift.ts";
import { encodeKey } from "../../adapters/sources/object_key.ts";
import { ServiceProcess } from "./service_process.ts";

const SERVER = fileURLToPath(new URL("swift_server.py", import.meta.url));
const ACCESS_KEY_ID = "test:tester";
const SECRET_ACCESS_KEY = "not-a-secret";
/** Resolves to this machine by definition (RFC 6761). */
const STORAGE_DOMAIN = "s3.localhost";

/** An S3 server that verifies signatures: OpenStack Swift with its S3 API. */
export class S3Service implements AsyncDisposable {
  readonly region: string;
  readonly accessKeyId = ACCESS_KEY_ID;
  readonly secretAccessKey = SECRET_ACCESS_KEY;
  readonly #process: ServiceProcess;
  readonly #client: AwsClient;

  constructor(process: ServiceProcess, region: string) {
    const { accessKeyId, secretAccessKey } = this;
    this.region = region;
    this.#process = process;
    this.#client = new AwsClient({
      accessKeyId,
      secretAccessKey,
      region,
      service: "s3",
      retries: 0,
    });
  }

  /** For path-style addressing. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#process.port}`;
  }

  /** For virtual-host addressing: buckets are names below it. */
  get virtualEndpoint(): string {
    return `http://${STORAGE_DOMAIN}:${this.#process.port}`;
  }

  async createBucket(bucket: string): Promise<void> {
    await this.#do("PUT", bucket);
  }

  /** @returns the ETag, quotes included. */
  async put(bucket: string, key: string, body: Uint8Array<ArrayBuffer> | string): Promise<string> {
    const headers = await this.#do("PUT", `${bucket}/${encodeKey(key)}`, body);
    return headers.get("etag")!;
  }

  async delete(bucket: string, key: string): Promise<void> {
    await this.#do("DELETE", `${bucket}/${encodeKey(key)}`);
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #do(method: string, path: string, body?: BodyInit): Promise<Headers> {
    const response = await this.#client.fetch(`${this.endpoint}/${path}`, { method, body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return response.headers;
  }
}

/** Starts a server without buckets. */
export async function startS3({ region = "us-east-1" } = {}): Promise<S3Service> {
  const { python, env } = await findSwift();
  const keys = [ACCESS_KEY_ID, SECRET_ACCESS_KEY, STORAGE_DOMAIN, region];
  const process = await ServiceProcess.start({
    name: "s3",
    command: (folder) => [python, SERVER, folder, ...keys],
    env,
    listening: /listening on (\d+)/,
  });
  return new S3Service(process, region);
}
