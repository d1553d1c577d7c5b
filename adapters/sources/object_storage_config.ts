import { WeftError } from "../../engine/core/errors.ts";
import type { AzureCredentials } from "./azure.ts";
import {
  ACCOUNT,
  type AzureEntry,
  BASE64,
  type Env,
  type GsEntry,
  isEndpoint,
  parseStorageFile,
  REGION,
  type S3Entry,
  type StorageEntries,
  type StorageFile,
} from "./object_storage_file.ts";
import { type Addressing, bucketUrl } from "./s3.ts";
import type { AccessKey } from "./sigv4.ts";

/** How a bucket behind S3's API is reached. */
export interface S3Settings {
  endpoint: URL;
  addressing: Addressing;
  region: string;
  credentials: S3Credentials;
}

export type S3Credentials =
  | { kind: "key"; key: AccessKey }
  | { kind: "bearer"; token: string }
  | { kind: "anonymous" };

/** How a container of Azure Blob Storage is reached. */
export interface AzureSettings {
  endpoint: URL;
  credentials: AzureCredentials;
}

export interface ObjectStorageOptions {
  env: Env;
  /** Goes before the environment, bucket by bucket. */
  file?: StorageFile;
}

/** Google takes keys of any region. */
const GOOGLE = { endpoint: new URL("https://storage.googleapis.com"), region: "auto" };
const ANONYMOUS = { kind: "anonymous" } as const;
/** A name that can stand before a host's, and under its certificate. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Endpoints and credentials by bucket: from a file, and what that leaves open from the environment. An entry with
 * its own endpoint (or account) takes no credentials from the environment, for those belong elsewhere. A bucket
 * that has none is asked anonymously.
 */
export class ObjectStorageConfig {
  readonly #entries: StorageEntries;
  readonly #env: Env;

  /** @throws {WeftError} `invalid_request` for a bad file. Of the environment only what a bucket needs is looked at. */
  constructor({ env, file }: ObjectStorageOptions) {
    this.#entries = parseStorageFile(file ?? { path: "", text: "{}" }, env);
    this.#env = (name) => env(name) || undefined;
  }

  /** @throws {WeftError} `invalid_request` when a variable that is needed is no good; as do the others. */
  s3(bucket: string): S3Settings {
    const entry: S3Entry = this.#entries.s3.get(bucket) ?? {};
    const region = entry.region ?? this.#region();
    const endpoint = entry.endpoint ?? this.#s3Endpoint();
    const settings: S3Settings = {
      endpoint: endpoint ?? amazonEndpoint(region),
      addressing: entry.addressing ?? (!endpoint && LABEL.test(bucket) ? "virtual" : "path"),
      region,
      credentials: credentialsOf(entry) ?? (entry.endpoint ? ANONYMOUS : this.#s3Credentials()),
    };
    if (settings.addressing === "virtual" && !canBeVirtual(bucket, settings)) {
      refuse(`s3://${bucket} cannot be a part of a host's name: use "addressing": "path" for it`);
    }
    return settings;
  }

  gs(bucket: string): S3Settings {
    const entry: GsEntry = this.#entries.gs.get(bucket) ?? {};
    return {
      endpoint: entry.endpoint ?? GOOGLE.endpoint,
      addressing: "path",
      region: GOOGLE.region,
      credentials: credentialsOf(entry) ?? (entry.endpoint ? ANONYMOUS : this.#gsCredentials()),
    };
  }

  azure(container: string): AzureSettings {
    const entry: AzureEntry = this.#entries.az.get(container) ?? {};
    const isElsewhere = entry.account !== undefined || entry.endpoint !== undefined;
    const account = entry.account ?? (isElsewhere ? undefined : this.#azureAccount());
    const endpoint = entry.endpoint ??
      (isElsewhere ? undefined : this.#endpoint("AZURE_STORAGE_ENDPOINT")) ??
      (account === undefined ? undefined : new URL(`https://${account}.blob.core.windows.net`));
    if (endpoint === undefined) {
      return refuse(
        `az://${container} has no account: name one in the object storage file or in ` +
          `AZURE_STORAGE_ACCOUNT`,
      );
    }
    const { key, sas } = entry.key || entry.sas || entry.anonymous || isElsewhere
      ? entry
      : this.#azureKeys();
    if (key === undefined) {
      return { endpoint, credentials: sas ? { kind: "sas", token: withoutMark(sas) } : ANONYMOUS };
    }
    if (account === undefined) return refuse(`az://${container} has a key, but no account`);
    return { endpoint, credentials: { kind: "key", account, key } };
  }

  /** `HOST:PORT` of each https host that the file and the environment name: what may be asked without more ado. */
  hostsNamed(): string[] {
    const { s3, gs, az } = this.#entries;
    const urls = [
      ...[...s3.keys()].map((bucket) => bucketUrl({ bucket, ...this.s3(bucket) })),
      ...[...gs.keys()].map((bucket) => this.gs(bucket).endpoint),
      ...[...az.keys()].map((container) => this.azure(container).endpoint),
      this.#s3Endpoint(),
      this.#endpoint("AZURE_STORAGE_ENDPOINT"),
    ];
    return [...new Set(urls.flatMap((url) => url ? hostOf(url) : []))];
  }

  #region(): string {
    const region = this.#env("AWS_REGION") ?? this.#env("AWS_DEFAULT_REGION") ?? "us-east-1";
    return REGION.test(region) ? region : refuse("AWS_REGION is not the name of a region");
  }

  #s3Endpoint(): URL | undefined {
    return this.#endpoint("AWS_ENDPOINT_URL_S3") ?? this.#endpoint("AWS_ENDPOINT_URL");
  }

  #s3Credentials(): S3Credentials {
    const pair = this.#pair("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    if (pair === undefined) return ANONYMOUS;
    return { kind: "key", key: { ...pair, sessionToken: this.#env("AWS_SESSION_TOKEN") } };
  }

  #gsCredentials(): S3Credentials {
    const pair = this.#pair("GS_ACCESS_KEY_ID", "GS_SECRET_ACCESS_KEY");
    if (pair !== undefined) return { kind: "key", key: pair };
    const token = this.#env("GOOGLE_OAUTH_ACCESS_TOKEN");
    return token === undefined ? ANONYMOUS : { kind: "bearer", token };
  }

  #azureAccount(): string | undefined {
    const account = this.#env("AZURE_STORAGE_ACCOUNT");
    if (account === undefined || ACCOUNT.test(account)) return account;
    return refuse("AZURE_STORAGE_ACCOUNT is not the name of an account");
  }

  #azureKeys(): { key?: string; sas?: string } {
    const key = this.#env("AZURE_STORAGE_KEY");
    if (key !== undefined && !BASE64.test(key)) refuse("AZURE_STORAGE_KEY is not Base64");
    return { key, sas: this.#env("AZURE_STORAGE_SAS_TOKEN") };
  }

  #pair(idName: string, secretName: string): AccessKey | undefined {
    const accessKeyId = this.#env(idName);
    const secretAccessKey = this.#env(secretName);
    if (accessKeyId !== undefined && secretAccessKey !== undefined) {
      return { accessKeyId, secretAccessKey };
    }
    if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
    return refuse(`${idName} and ${secretName} go together, and one is not set`);
  }

  #endpoint(name: string): URL | undefined {
    const text = this.#env(name);
    if (text === undefined) return undefined;
    if (isEndpoint(text)) return new URL(text);
    return refuse(`${name} is not an https or http URL without user, query and fragment`);
  }
}

/** `HOST:PORT` of an https URL. Others need no place on the list: they must be loopback. */
export function hostOf({ protocol, hostname, port }: URL): string[] {
  return protocol === "https:" ? [`${hostname}:${port || "443"}`] : [];
}

/** Undefined where the entry leaves it open. */
function credentialsOf(entry: S3Entry & GsEntry): S3Credentials | undefined {
  const { accessKeyId, secretAccessKey, sessionToken, token, anonymous } = entry;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { kind: "key", key: { accessKeyId, secretAccessKey, sessionToken } };
  }
  if (token !== undefined) return { kind: "bearer", token };
  return anonymous && ANONYMOUS;
}

function amazonEndpoint(region: string): URL {
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  return new URL(`https://s3.${region}.${domain}`);
}

/** URL leaves a host as it is when the new one isn't one, such as a label before an address. */
function canBeVirtual(bucket: string, settings: S3Settings): boolean {
  return bucketUrl({ bucket, ...settings }).hostname.startsWith(`${bucket}.`);
}

function withoutMark(sas: string): string {
  return sas.replace(/^\?/, "");
}

function refuse(why: string): never {
  throw new WeftError("invalid_request", `Cannot use object storage: ${why}`);
}
