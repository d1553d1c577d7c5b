import { join } from "node:path";
import { AdapterStore } from "../../adapters/mod.ts";
import { Registry } from "../../adapters/registry/mod.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { type Figure, spread, timeEach } from "../measure.ts";
import { BenchServer } from "./server.ts";
import { StateDir } from "./state_dir.ts";
import { openBenchWorld } from "./world.ts";

const NAMES = 2000;
const TIMES = 20;
const HOST = "origin.invalid:443";

/** What many names cost at start and when they are listed. None of them is ever fetched. */
export async function measureNames(model: ModelConfig): Promise<Figure[]> {
  using state = new StateDir();
  fill(state.path);
  const opened = await timeEach(TIMES, () => {
    using registry = Registry.open(join(state.path, "adapters.sqlite"));
    if (registry.rows().length !== NAMES) throw new Error("rows are missing");
  });
  const restored = await timeEach(TIMES, async () => {
    await using world = await openBenchWorld(state.path, [HOST]);
    const store = await AdapterStore.open({ ...world, model, maxRank: 64, maxBytes: 2 ** 30 });
    await store.close();
  });
  return [
    { what: `${NAMES} names: registry opened, checked and read`, value: spread(opened, "ms") },
    { what: `${NAMES} names: disk cache and store opened`, value: spread(restored, "ms") },
    ...await measureListing(state.path),
  ];
}

async function measureListing(stateDir: string): Promise<Figure[]> {
  await using server = await BenchServer.start(["--allow-adapter-host", HOST], stateDir);
  const listed = await timeEach(TIMES, async () => {
    const { data } = await server.call("GET", "/v1/adapters");
    if (data.length < NAMES) throw new Error(`${data.length} adapters are listed`);
  });
  const shown = await timeEach(TIMES, async () => {
    await server.call("GET", "/v1/adapters/adapter-1000");
  });
  return [
    { what: `${NAMES} names: GET /v1/adapters`, value: spread(listed, "ms") },
    { what: `${NAMES} names: GET /v1/adapters/{name}`, value: spread(shown, "ms") },
  ];
}

function fill(stateDir: string): void {
  using registry = Registry.open(join(stateDir, "adapters.sqlite"));
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
}
