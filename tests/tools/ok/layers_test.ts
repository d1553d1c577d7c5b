import assert from "node:assert/strict";
import { findCycle } from "../../../tools/ok/cycles.ts";
import { ADAPTER_LAYERS, ENGINE_LAYERS } from "../../../tools/ok/layer_table.ts";
import { areaOf, whyForbidden } from "../../../tools/ok/layers.ts";

/** `whyForbidden` for "from → to". */
function why(edge: string): string | null {
  const [from, to] = edge.split(" → ");
  return whyForbidden({ from, to });
}

Deno.test("imports that go down through a mod.ts are kept", () => {
  for (
    const edge of [
      "main.ts → server.ts",
      "main.ts → engine/thread.ts",
      "server.ts → config.ts",
      "server.ts → routes/mod.ts",
      "server.ts → engine/mod.ts",
      "routes/chat.ts → adapters/mod.ts",
      "routes/chat.ts → routes/errors.ts",
      "routes/chat.ts → engine/core/errors.ts",
      "adapters/store.ts → engine/core/adapter_weights.ts",
      "adapters/store.ts → adapters/lifecycle/mod.ts",
      "adapters/lifecycle/puts.ts → adapters/name.ts",
      "adapters/sources/s3.ts → adapters/download/mod.ts",
      "engine/mod.ts → engine/client.ts",
      "engine/client.ts → engine/thread.ts",
      "engine/runner/step.ts → engine/scheduler/mod.ts",
      "engine/model/llama.ts → engine/lora/mod.ts",
      "engine/kernels/rms_norm.ts → engine/gpu/mod.ts",
      "engine/kernels/rms_norm.ts → engine/kernels/rms_norm.wgsl",
      "tests/engine/gpu/kernel_test.ts → engine/gpu/kernel.ts",
      "bench/main.ts → engine/kernels/rms_norm.ts",
      "tests/x_test.ts → tools/ok/layers.ts",
    ]
  ) assert.equal(why(edge), null, edge);
});

Deno.test("an import that goes up or sideways is refused, with what would be allowed", () => {
  assert.equal(
    why("engine/kernels/x.ts → engine/model/mod.ts"),
    "engine/kernels may import engine/gpu, engine/scheduler, engine/tokenizer, engine/loader, engine/core",
  );
  assert.equal(why("engine/core/x.ts → engine/gpu/mod.ts"), "engine/core may import nothing");
  for (
    const edge of [
      "engine/scheduler/x.ts → engine/gpu/mod.ts",
      "engine/worker.ts → engine/client.ts",
      "engine/mod.ts → routes/mod.ts",
      "adapters/store.ts → engine/mod.ts",
      "adapters/store.ts → adapters/world.ts",
      "adapters/download/x.ts → adapters/sources/mod.ts",
      "adapters/disk/x.ts → adapters/http/mod.ts",
      "adapters/reasons.ts → adapters/origin.ts",
      "engine/core/x.ts → adapters/name.ts",
      "routes/chat.ts → adapters/store.ts",
      "routes/chat.ts → config.ts",
      "routes/chat.ts → engine/scheduler/mod.ts",
      "config.ts → server.ts",
      "server.ts → main.ts",
    ]
  ) assert.match(why(edge) ?? "", /may import/, edge);
});

Deno.test("another folder's inner file is refused, and the message names its face", () => {
  assert.equal(
    why("engine/kernels/x.ts → engine/gpu/device.ts"),
    "outsiders import engine/gpu/ through engine/gpu/mod.ts",
  );
  assert.match(why("server.ts → routes/chat.ts") ?? "", /routes\/mod\.ts/);
  assert.match(why("adapters/world.ts → adapters/disk/cache.ts") ?? "", /adapters\/disk\/mod\.ts/);
});

Deno.test("nothing that is served imports tests, bench or tools", () => {
  for (const workshop of ["tests/harness.ts", "bench/main.ts", "tools/ok/layers.ts"]) {
    assert.match(why(`routes/chat.ts → ${workshop}`) ?? "", /for development/);
  }
});

Deno.test("a folder that the table doesn't have is refused at both ends", () => {
  assert.match(
    why("engine/misc/x.ts → engine/core/errors.ts") ?? "",
    /"engine\/misc" has no place/,
  );
  assert.match(why("engine/runner/x.ts → engine/misc/mod.ts") ?? "", /"engine\/misc" has no place/);
  assert.match(why("helpers/x.ts → engine/mod.ts") ?? "", /"helpers" has no place/);
});

Deno.test("every file belongs to one area, and no area stands in two layers", () => {
  assert.equal(areaOf("main.ts"), "main");
  assert.equal(areaOf("routes/chat/stream.ts"), "routes");
  assert.equal(areaOf("engine/client.ts"), "engine/client");
  assert.equal(areaOf("engine/gpu/device.ts"), "engine/gpu");
  assert.equal(areaOf("adapters/disk/cache.ts"), "adapters/disk");
  for (const layers of [ENGINE_LAYERS, ADAPTER_LAYERS]) {
    const areas = layers.flat();
    assert.equal(new Set(areas).size, areas.length);
  }
});

Deno.test("a cycle is found and told in order, wherever the search begins", () => {
  const edges = [
    { from: "a.ts", to: "b.ts" },
    { from: "b.ts", to: "c.ts" },
    { from: "c.ts", to: "d.ts" },
    { from: "d.ts", to: "b.ts" },
  ];
  assert.deepEqual(findCycle(edges), ["b.ts", "c.ts", "d.ts", "b.ts"]);
  assert.deepEqual(findCycle([{ from: "a.ts", to: "a.ts" }]), ["a.ts", "a.ts"]);
});

Deno.test("two ways to the same file are not a cycle", () => {
  assert.equal(
    findCycle([
      { from: "a.ts", to: "b.ts" },
      { from: "a.ts", to: "c.ts" },
      { from: "b.ts", to: "d.ts" },
      { from: "c.ts", to: "d.ts" },
    ]),
    null,
  );
});
