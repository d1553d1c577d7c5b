import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { adapterError, type Origins, RouterSeat } from "../../../adapters/mod.ts";
import { Registry } from "../../../adapters/registry/mod.ts";
import { KeptRouter, type RouterStart } from "../../../adapters/router/mod.ts";
import type { WeftError } from "../../../engine/core/errors.ts";
import { FakeRouter, routerFile } from "../../routes/fake_router.ts";

const URL_A = "https://host/a.onnx?sig=secret";
const URL_B = "https://host/b.onnx";
const signal = new AbortController().signal;

interface Setup {
  directory: string;
  files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Every URL that was fetched. */
  fetched: string[];
  engine: FakeRouter;
  seat: RouterSeat;
  kept: KeptRouter;
  registry: Registry;
  changes: number;
  /** A new process on the same disk. */
  restart(start?: Partial<RouterStart>, startedWith?: string): Promise<WeftError | null>;
}

async function withSeat(test: (setup: Setup) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const fetched: string[] = [];
  const origins: Pick<Origins, "object"> = {
    object: (url) => ({
      location: url.split("?")[0],
      read: () => {
        fetched.push(url);
        const bytes = files.get(url);
        if (bytes === undefined) throw adapterError("origin_not_found", "nothing is there");
        return Promise.resolve({ version: "1", bytes: bytes.slice() });
      },
    }),
  };
  const setup = { directory, files, fetched, changes: 0 } as Setup;
  setup.restart = async ({ asked = null, own = null } = {}, startedWith = "model") => {
    setup.registry?.close();
    setup.registry = Registry.open(join(directory, "registry.db"));
    setup.kept = new KeptRouter(join(directory, "router"), setup.registry);
    setup.engine = new FakeRouter(null);
    setup.seat = new RouterSeat({
      engine: setup.engine,
      vocabulary: () => ({
        hash: "",
        table: { bytes: new Uint8Array(), ends: new Uint32Array() },
      }),
      origins,
      kept: setup.kept,
      startedWith,
      onChange: () => setup.changes++,
    });
    return await setup.seat.start({ asked, own });
  };
  try {
    await setup.restart();
    await test(setup);
  } finally {
    setup.registry.close();
    await Deno.remove(directory, { recursive: true });
  }
}

function add(setup: Setup, url: string, version: string): string {
  const file = routerFile({ version });
  setup.files.set(url, file);
  return createHash("sha256").update(file).digest("hex");
}

function keptFiles({ directory }: Setup): string[] {
  try {
    return [...Deno.readDirSync(join(directory, "router"))].map(({ name }) => name);
  } catch {
    return [];
  }
}

Deno.test("an ordered router is there after a restart, without its origin", () =>
  withSeat(async (setup) => {
    const generation = add(setup, URL_A, "1");
    const { url, source } = await setup.seat.swap({ url: URL_A, signal });
    assert.deepEqual([url, source], ["https://host/a.onnx", "api"]);
    setup.files.clear();
    assert.equal(await setup.restart({ own: "/pack/router.onnx" }), null);
    const { present } = setup.seat;
    assert.deepEqual([present?.info.generation, present?.url, present?.source], [
      generation,
      "https://host/a.onnx",
      "api",
    ]);
    assert.deepEqual(setup.fetched, [URL_A]);
  }));

Deno.test("that the router was removed holds over a restart too", () =>
  withSeat(async (setup) => {
    add(setup, "/pack/router.onnx", "pack");
    await setup.restart({ own: "/pack/router.onnx" });
    assert.equal(setup.seat.present?.source, "model");
    await setup.seat.remove();
    assert.equal(await setup.restart({ own: "/pack/router.onnx" }), null);
    assert.equal(setup.seat.present, null);
    assert.deepEqual(keptFiles(setup), []);
  }));

Deno.test("an order is void once the server is started for another model or router", () =>
  withSeat(async (setup) => {
    add(setup, URL_A, "1");
    const asked = add(setup, URL_B, "2");
    await setup.seat.swap({ url: URL_A, signal });
    await setup.restart({ asked: URL_B }, "another");
    assert.equal(setup.seat.present?.info.generation, asked);
    assert.equal(setup.seat.present?.source, "flag");
    assert.deepEqual(keptFiles(setup), []);
  }));

Deno.test("only what the command line asks for must be good when the server starts", () =>
  withSeat(async (setup) => {
    setup.files.set("bad", new TextEncoder().encode("no router"));
    const problem = await setup.restart({ own: "bad" });
    assert.equal(problem?.reason, "bad_router");
    assert.match(problem!.message, /Cannot use the router at bad: /);
    await assert.rejects(setup.restart({ asked: "bad" }), { reason: "bad_router" });
    await assert.rejects(setup.restart({ asked: "gone" }), { reason: "origin_not_found" });
    assert.equal(await setup.restart({ asked: "none", own: "bad" }), null);
    assert.equal(setup.seat.present, null);
  }));

Deno.test("a kept file that was damaged is left out, and the reason is told", () =>
  withSeat(async (setup) => {
    add(setup, URL_A, "1");
    await setup.seat.swap({ url: URL_A, signal });
    const [name] = keptFiles(setup);
    Deno.writeTextFileSync(join(setup.directory, "router", name), "damaged");
    const problem = await setup.restart();
    assert.match(problem!.message, /https:\/\/host\/a\.onnx: its file on this disk is damaged/);
    assert.equal(setup.seat.present, null);
    assert.doesNotMatch(problem!.message, /secret/);
  }));

Deno.test("only the present router's file stays on the disk", () =>
  withSeat(async (setup) => {
    add(setup, URL_A, "1");
    await setup.seat.swap({ url: URL_A, signal });
    const generation = add(setup, URL_B, "2");
    await setup.seat.swap({ url: URL_B, signal });
    assert.deepEqual(keptFiles(setup), [`${generation}.onnx`]);
    await setup.seat.remove();
    assert.deepEqual(keptFiles(setup), []);
    assert.equal(setup.changes, 3);
  }));

Deno.test("an order that can't be remembered is undone", () =>
  withSeat(async (setup) => {
    const generation = add(setup, URL_A, "1");
    await setup.seat.swap({ url: URL_A, signal });
    add(setup, URL_B, "2");
    setup.registry.close();
    await assert.rejects(setup.seat.swap({ url: URL_B, signal }), { name: "WeftError" });
    assert.equal(setup.seat.present?.info.generation, generation);
    assert.equal(setup.engine.info?.generation, generation);
    await assert.rejects(setup.seat.remove(), { name: "WeftError" });
    assert.equal(setup.engine.info?.generation, generation);
    await setup.restart();
    assert.equal(setup.seat.present?.info.generation, generation);
  }));

Deno.test("of many orders at once the last one holds, and what is in place is what is remembered", () =>
  withSeat(async (setup) => {
    const urls = Array.from({ length: 12 }, (_, i) => `https://host/${i}.onnx`);
    const generations = urls.map((url, i) => add(setup, url, `${i}`));
    const results = await Promise.allSettled(
      urls.map((url) => setup.seat.swap({ url, signal })),
    );
    assert.equal(results.at(-1)!.status, "fulfilled");
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      assert.equal(result.reason.reason, "generation_conflict");
    }
    assert.equal(setup.seat.present?.info.generation, generations.at(-1));
    assert.equal(setup.kept.order()?.router?.generation, generations.at(-1));
    assert.deepEqual(keptFiles(setup), [`${generations.at(-1)}.onnx`]);
  }));
