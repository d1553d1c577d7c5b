/** What a hostile order is, and what the server must say to it. */
import assert from "node:assert/strict";
import type { Json, TestServer } from "../server_process.ts";

/** In every URL that can hold one: neither answers nor logs may. */
export const SECRET = "do-not-tell";
/** However hostile it is, an answer comes soon: after the origin's own time is up, and some for a busy machine. */
const ANSWER_MS = 30_000;

/** An order to serve what lies at a URL. */
export interface HostileCase {
  what: string;
  url: string;
  /** What it is ordered to be. */
  sha256?: string;
  code: string;
}

/** The statuses of docs/ADAPTERS.md. */
const STATUSES: Readonly<Record<number, readonly string[]>> = {
  400: ["bad_url"],
  503: ["unavailable"],
  403: [
    ...["scheme_not_allowed", "host_not_allowed", "address_not_allowed", "path_not_allowed"],
    "redirect_not_allowed",
  ],
  422: [
    ...["bad_adapter", "missing_file", "pickle_not_allowed", "sha256_mismatch", "bad_archive"],
    ...["download_too_large", "archive_bomb", "archive_entry_not_allowed"],
  ],
  502: [
    ...["connect_failed", "tls_failed", "too_many_redirects", "origin_not_found", "bad_response"],
    ...["origin_unauthorized", "origin_error", "truncated", "content_changed"],
  ],
  504: ["idle_timeout", "total_timeout"],
};

export function statusOf(code: string): number {
  const [status] = Object.entries(STATUSES).find(([, codes]) => codes.includes(code)) ?? [];
  assert.ok(status !== undefined, code);
  return Number(status);
}

/** Orders one adapter, which must be refused as the case says, and leave nothing behind. */
export async function assertRefused(server: TestServer, hostile: HostileCase): Promise<void> {
  const { what, url, sha256, code } = hostile;
  const name = newName();
  const { status, body } = await put(server, { name, url, sha256 }).catch((error) => {
    throw new Error(`${what}: ${error}`);
  });
  if (status === 201) {
    await ask(server, "DELETE", name);
    throw new Error(`${what} was accepted`);
  }
  const label = `${what}: ${url.slice(0, 200)}`;
  assert.equal(body.error?.code, code, `${label}: ${JSON.stringify(body)}`);
  assert.equal(status, statusOf(code), label);
  assertHarmless(body, label);
  await assertLeavesNothing(server, { name, code, label });
}

/** What could be told at once left no name; after a fetch the name says why it failed, and stands for nothing. */
async function assertLeavesNothing(
  server: TestServer,
  { name, code, label }: { name: string; code: string; label: string },
): Promise<void> {
  const { status, body } = await ask(server, "GET", name);
  if (status === 404) return;
  assert.equal(status, 200, label);
  assert.deepEqual(
    [body.state, body.generation, body.level, body.error.code],
    ["failed", null, "origin", code],
    label,
  );
  assertHarmless(body, label);
  assert.equal((await ask(server, "DELETE", name)).status, 204, label);
  assert.equal((await ask(server, "GET", name)).status, 404, label);
}

let names = 0;

export function newName(): string {
  return `hostile-${++names}`;
}

export interface Answer {
  status: number;
  body: Json;
}

export function put(
  server: TestServer,
  { name, ...order }: { name: string; url: string; sha256?: string },
): Promise<Answer> {
  return ask(server, "PUT", name, order);
}

export async function ask(
  server: TestServer,
  method: string,
  name: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${server.url}/v1/adapters/${name}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

export function assertHarmless(body: Json, label: string): void {
  const text = JSON.stringify(body);
  assert.ok(!text.includes(SECRET), `${label} told a secret: ${text}`);
  assert.ok(text.length < 3000, `${label}: an answer of ${text.length} characters`);
}

/** Runs cases, some at a time. Tells every one that failed. */
export async function each<T>(
  cases: Iterable<T>,
  { atOnce, check }: { atOnce: number; check: (one: T) => Promise<void> },
): Promise<void> {
  const left = cases[Symbol.iterator]();
  const failures: string[] = [];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      try {
        await check(next.value);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  }));
  assert.deepEqual(failures, []);
}
