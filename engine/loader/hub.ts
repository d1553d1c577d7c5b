import { join } from "node:path";
import { listFiles, modelInfo } from "@huggingface/hub";
import { messageOf, WeftError } from "../core/errors.ts";
import { type HubFetch, hubFetch } from "./hub_fetch.ts";
import { type HubSpec, isCommit } from "./hub_spec.ts";
import { readJsonFile } from "./json_file.ts";
import { DEFAULT_RETRY, downloadFile, type ExpectedFile } from "./resumable_download.ts";
import type { ResolveOptions } from "./resolve_options.ts";
import { parseShardIndex, SHARD_INDEX, SINGLE_FILE } from "./shard_index.ts";
import { isComplete, markComplete, snapshotPath } from "./snapshot.ts";

const REQUIRED_FILES = ["config.json", "tokenizer.json"];
const OPTIONAL_FILES = [
  "generation_config.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "router.onnx",
];
/** A hub that takes so long for a small question is taken as out of reach. */
const QUESTION_TIMEOUT_MS = 30_000;

/**
 * Downloads a model into the cache, pinned to its commit, and returns its directory there.
 *
 * @throws {WeftError} `not_found`, `unauthorized`, `unavailable` or `bad_model`, saying what to do.
 */
export async function downloadModel(spec: HubSpec, options: ResolveOptions): Promise<string> {
  const hub = new Hub(spec, options);
  const commit = await hub.commit();
  const snapshot = snapshotPath(options.cacheDir, { repo: spec.repo, commit });
  if (await isComplete(snapshot)) return snapshot;
  await Deno.mkdir(snapshot, { recursive: true });
  await hub.download(commit, snapshot);
  await markComplete(snapshot, { repo: spec.repo, commit });
  return snapshot;
}

/** One model on the hub, for the length of one download. */
class Hub {
  readonly #spec: HubSpec;
  readonly #options: ResolveOptions;
  readonly #endpoint: string;
  readonly #fetch: HubFetch;

  constructor(spec: HubSpec, options: ResolveOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#endpoint = (options.endpoint ?? "https://huggingface.co").replace(/\/+$/, "");
    this.#fetch = hubFetch({ ...spec, endpoint: this.#endpoint, token: options.token });
  }

  /** The commit that the revision means now. */
  async commit(): Promise<string> {
    const { sha } = await this.#ask(() =>
      modelInfo({
        name: this.#spec.repo,
        revision: this.#spec.revision ?? "main",
        additionalFields: ["sha"],
        ...this.#client(),
      })
    );
    if (typeof sha === "string" && isCommit(sha)) return sha;
    throw this.#error("unavailable", `the hub gave ${JSON.stringify(sha)} as its commit`);
  }

  /** Brings every file the engine needs into the folder. */
  async download(commit: string, folder: string): Promise<void> {
    const listed = await this.#list(commit);
    for (const name of REQUIRED_FILES) this.#need(listed, name);
    const names = [...REQUIRED_FILES, ...OPTIONAL_FILES].filter((name) => listed.has(name));
    names.push(...await this.#weightFiles(listed, { commit, folder }));

    const totalBytes = names.reduce((sum, name) => sum + this.#need(listed, name).size, 0);
    let earlier = 0;
    for (const name of names) {
      await this.#downloadOne(name, {
        commit,
        folder,
        expected: this.#need(listed, name),
        onBytes: (bytes) => {
          this.#options.onProgress?.({ file: name, doneBytes: earlier + bytes, totalBytes });
        },
      });
      earlier += this.#need(listed, name).size;
    }
  }

  async #list(commit: string): Promise<Map<string, ExpectedFile>> {
    const listed = new Map<string, ExpectedFile>();
    const entries = listFiles({ repo: this.#spec.repo, revision: commit, ...this.#client() });
    await this.#ask(async () => {
      for await (const { type, path, size, oid, lfs } of entries) {
        if (type !== "file") continue;
        const digest = lfs
          ? { kind: "sha256" as const, hex: lfs.oid }
          : oid
          ? { kind: "git" as const, hex: oid }
          : null;
        listed.set(path, { size: lfs?.size ?? size, digest });
      }
    });
    return listed;
  }

  /** One file, or the index (which is fetched to be read) and its shards. */
  async #weightFiles(
    listed: ReadonlyMap<string, ExpectedFile>,
    { commit, folder }: { commit: string; folder: string },
  ): Promise<string[]> {
    if (listed.has(SINGLE_FILE)) return [SINGLE_FILE];
    const expected = listed.get(SHARD_INDEX);
    if (!expected) {
      throw this.#error("bad_model", `it has neither ${SINGLE_FILE} nor ${SHARD_INDEX}`);
    }
    await this.#downloadOne(SHARD_INDEX, { commit, folder, expected });
    const path = join(folder, SHARD_INDEX);
    return [SHARD_INDEX, ...parseShardIndex(await readJsonFile(path), path).keys()];
  }

  #need(listed: ReadonlyMap<string, ExpectedFile>, name: string): ExpectedFile {
    const file = listed.get(name);
    if (file) return file;
    throw this.#error("bad_model", `it has no ${name}`);
  }

  async #downloadOne(
    name: string,
    { commit, folder, expected, onBytes }: {
      commit: string;
      folder: string;
      expected: ExpectedFile;
      onBytes?: (bytes: number) => void;
    },
  ): Promise<void> {
    await downloadFile(join(folder, name), {
      ...expected,
      url: `${this.#endpoint}/${this.#spec.repo}/resolve/${commit}/${name}`,
      fetch: this.#fetch,
      onBytes,
      signal: this.#options.signal,
      retry: this.#options.retry ?? DEFAULT_RETRY,
    });
  }

  #client() {
    const timeout = AbortSignal.timeout(QUESTION_TIMEOUT_MS);
    const { signal = timeout } = this.#options;
    return {
      hubUrl: this.#endpoint,
      // The hub's library asks; how, and what an error means, is ours.
      fetch: (input: string | URL | Request, init?: RequestInit) =>
        this.#fetch(String(input), { ...init, signal: AbortSignal.any([signal, timeout]) }),
    };
  }

  /** Runs one question to the hub; what its library throws becomes an error that names the model. */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (error instanceof WeftError) throw error;
      throw this.#error("unavailable", `the hub's answer cannot be read: ${messageOf(error)}`);
    }
  }

  #error(code: "bad_model" | "unavailable", why: string): WeftError {
    return new WeftError(code, `Cannot download hf://${this.#spec.repo}: ${why}`);
  }
}
