import assert from "node:assert/strict";
import { createMetrics, Lifecycle } from "../../routes/mod.ts";
import { FakeAdapters } from "./fake_adapters.ts";
import { FakeEngine } from "./fake_engine.ts";
import { ADMIN_TOKEN, chat, createHarness, type Harness, readEvents, settled } from "./harness.ts";

const CHAT = "/v1/chat/completions";

/** The page's samples, `name{labels}` → value. */
async function samples(metrics: Harness["metrics"]): Promise<Map<string, number>> {
  const { body } = await metrics.render();
  const lines = body.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

async function namesStarting(metrics: Harness["metrics"], prefix: string): Promise<string[]> {
  return [...(await samples(metrics)).keys()].filter((name) => name.startsWith(prefix));
}

Deno.test("the tiers' figures, and what the store counts, are on the page", async () => {
  const { metrics } = createHarness();
  const page = await samples(metrics);
  const expected: Record<string, number> = {
    'weft_adapter_tier_adapters{tier="disk"}': 2,
    'weft_adapter_tier_bytes{tier="disk"}': 50,
    'weft_adapter_tier_bytes{tier="ram"}': 60,
    'weft_adapter_tier_max_bytes{tier="ram"}': 100,
    'weft_adapter_tier_pinned{tier="ram"}': 1,
    'weft_adapter_tier_hits_total{tier="disk"}': 7,
    'weft_adapter_tier_misses_total{tier="disk"}': 3,
    'weft_adapter_tier_evictions_total{tier="ram"}': 4,
    'weft_adapter_tier_adapters{tier="gpu"}': 2,
    'weft_adapter_tier_evictions_total{tier="gpu"}': 1,
    'weft_adapters{level="gpu"}': 1,
    'weft_adapters{level="origin"}': 4,
    'weft_adapter_failures_total{reason="host_not_allowed"}': 2,
    weft_adapters_registered: 3,
    weft_adapters_ready: 2,
    weft_adapters_failed: 1,
    weft_adapter_leases: 0,
    weft_adapter_fetches_total: 11,
    weft_adapter_fetched_bytes_total: 12,
    weft_adapter_revalidations_total: 13,
    weft_adapter_swaps_total: 14,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(page.get(name), value, name);
  assert.deepEqual(await samples(metrics), page, "reading the page changes nothing on it");
});

Deno.test("what the engine counts of its adapters is on the page; it has no bound in bytes", async () => {
  const engine = new FakeEngine();
  const counts = {
    adapterBytes: 500,
    adapterHits: 8,
    adapterMisses: 9,
    pinnedAdapters: ["a"],
    heldAdapters: ["a", "b"],
  };
  const page = await samples(createMetrics({
    stats: () => ({ ...engine.stats(), ...counts }),
    adapters: new FakeAdapters({}),
    maxAdapters: 4,
    lifecycle: new Lifecycle(),
    deviceBytes: 0,
    clock: { epochSeconds: () => 0 },
    version: "test",
  }));
  const gpu = (name: string) => page.get(`weft_adapter_tier_${name}{tier="gpu"}`);
  assert.deepEqual(
    ["bytes", "hits_total", "misses_total", "pinned", "max_bytes"].map(gpu),
    [500, 8, 9, 2, undefined],
  );
});

Deno.test("what is loaded is named with its level, and labels of the past are not kept", async () => {
  const { metrics, adapters } = createHarness();
  const loaded = () => namesStarting(metrics, "weft_adapter_info");
  adapters.levels.set("sql", "gpu");
  adapters.levels.set("chef", "disk");
  assert.deepEqual(await loaded(), [
    'weft_adapter_info{name="sql",generation="aaaa",level="gpu"}',
    'weft_adapter_info{name="poet",generation="bbbb",level="ram"}',
  ]);
  for (let i = 0; i < 50; i++) {
    adapters.generations.set("sql", `g${i}`);
    await metrics.render();
  }
  adapters.levels.set("sql", "origin");
  assert.deepEqual(await loaded(), [
    'weft_adapter_info{name="poet",generation="bbbb",level="ram"}',
  ]);
});

Deno.test("vLLM's gauge names the adapters of waiting and running requests, with the time as value", async () => {
  const h = createHarness({ engine: { delayMs: 20 }, settings: { allowRequestUrls: true } });
  const gauge = async () => {
    const page = await samples(h.metrics);
    const [[name, value]] = [...page].filter(([name]) => name.startsWith("vllm:"));
    assert.equal(value, 1_800_000_000);
    const [, max, running, waiting] =
      /^vllm:lora_requests_info\{max_lora="(.*)",running_lora_adapters="(.*)",waiting_lora_adapters="(.*)"\}$/
        .exec(name) ?? [];
    assert.equal(max, "4");
    return { running, waiting };
  };
  assert.deepEqual(await gauge(), { running: "", waiting: "" });
  const gate = Promise.withResolvers<void>();
  h.adapters.gate = gate.promise;
  const lora = [{ id: "sql" }, { id: "poet" }, { url: "https://a.example/x,y?sig=SECRET" }];
  const headers = { "x-weft-admin-token": ADMIN_TOKEN };
  const pending = h.post(CHAT, chat({ lora, stream: true }), headers);
  while ((await gauge()).waiting === "") await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(await gauge(), { running: "", waiting: "poet,sql" });
  gate.resolve();
  const response = await pending;
  const other = await h.post(CHAT, chat({ model: "chef", stream: true }));
  assert.deepEqual(await gauge(), { running: "chef,poet,sql", waiting: "" });
  await other.body!.cancel();
  await readEvents(response);
  await settled(h);
  assert.deepEqual(await gauge(), { running: "", waiting: "" });
});

Deno.test("a request that never starts leaves vLLM's gauge too", async () => {
  const h = createHarness({ engine: { capacity: 0 } });
  h.adapters.broken.add("poet");
  await h.post(CHAT, chat({ model: "poet" }));
  await h.post(CHAT, chat({ model: "sql" }));
  const [name] = await namesStarting(h.metrics, "vllm:");
  assert.match(name, /running_lora_adapters="",waiting_lora_adapters=""/);
  await settled(h);
});
