import { join } from "node:path";
import { AdapterStore } from "../../adapters/mod.ts";
import { Registry } from "../../adapters/registry/mod.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { readModelConfig } from "../../engine/mod.ts";
import type { BenchContext } from "../context.ts";
import { DEMO } from "../demo_model.ts";
import { Shared } from "../engine/shared.ts";
import { timeEach } from "../measure.ts";
import type { SeriesGroup } from "../series.ts";
import { median } from "../statistics.ts";
import { BenchServer } from "./server.ts";
import { StateDir } from "./state_dir.ts";
import { openBenchWorld } from "./world.ts";

const NAMES = 2000;
/** Of a round, which has the median. */
const TIMES = 5;
const HOST = "origin.invalid:443";

/** What many names cost at start and when they are listed. None of them is ever fetched. */
export function namesGroup({ isQuick }: BenchContext): SeriesGroup {
  const state = new Shared(
    () => Promise.resolve(filled()),
    (state) => state[Symbol.dispose](),
  );
  const server = new Shared(startFilled, ({ close }) => close());
  const model = new Shared(() => readModelConfig(DEMO), () => {});
  const series = (name: string, once: () => Promise<void>) => ({
    name: `names/${name}`,
    unit: "ms",
    round: async () => median(await timeEach(TIMES, once)),
  });
  const opening = [
    series("registry", async () => openRegistry((await state.get()).path)),
    series("store", async () => await openStore((await state.get()).path, await model.get())),
  ];
  const asking = [
    series("list", async () => {
      const { data } = await (await server.get()).server.call("GET", "/v1/adapters");
      if (data.length < NAMES) throw new Error(`${data.length} adapters are listed`);
    }),
    series("show", async () => {
      await (await server.get()).server.call("GET", "/v1/adapters/adapter-1000");
    }),
  ];
  return {
    name: "adapters",
    title: `${NAMES} adapters known by name`,
    series: isQuick ? opening : [...opening, ...asking],
    // They need a server of their own.
    skipped: isQuick ? asking.map(({ name }) => ({ name, why: "--quick" })) : [],
    close: async () => {
      await server.close();
      await state.close();
    },
  };
}

async function startFilled(): Promise<{ server: BenchServer; close(): Promise<void> }> {
  const state = filled();
  const server = await BenchServer.start(["--allow-adapter-host", HOST], state.path);
  return {
    server,
    async close() {
      await server[Symbol.asyncDispose]();
      state[Symbol.dispose]();
    },
  };
}

/** Opened, checked and read. */
function openRegistry(stateDir: string): void {
  using registry = Registry.open(join(stateDir, "adapters.sqlite"));
  if (registry.rows().length !== NAMES) throw new Error("rows are missing");
}

/** With the cache on the disk. */
async function openStore(stateDir: string, model: ModelConfig): Promise<void> {
  await using world = await openBenchWorld(stateDir, [HOST]);
  const store = await AdapterStore.open({ ...world, model, maxRank: 64, maxBytes: 2 ** 30 });
  await store.close();
}

function filled(): StateDir {
  const state = new StateDir();
  using registry = Registry.open(join(state.path, "adapters.sqlite"));
  registry.putAll(Array.from({ length: NAMES }, (_, i) => ({
    name: `adapter-${i}`,
    url: `https://${HOST}/adapters/adapter-${i}`,
    owner: "api" as const,
    place: null,
    generation: i.toString(16).padStart(64, "0"),
    version: `"c${i}" "w${i}"`,
    sha256: i.toString(16).padStart(64, "f"),
    rank: 16,
    bytes: 2 ** 20,
    targetModules: ["q_proj", "v_proj"],
    pinned: false,
    requiredSha256: null,
    examples: null,
    deleted: false,
  })));
  return state;
}
