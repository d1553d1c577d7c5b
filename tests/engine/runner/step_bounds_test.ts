/**
 * Figures of a decode step that noise doesn't move, against stored bounds (step_bounds.json): lower a bound
 * when the engine gets better, and say why in the commit when one must rise.
 */
import assert from "node:assert/strict";
import { GpuCalls, type GpuCounts } from "../../../bench/kernels/gpu_calls.ts";
import { LocalRunner } from "../../../bench/kernels/local_runner.ts";
import { wallOf } from "../../../bench/kernels/wall.ts";
import { writeRandomModel } from "../../../bench/shapes/random_model.ts";
import bounds from "./step_bounds.json" with { type: "json" };

const ROWS = 8;
const BURST = 4;
const RANK = 16;
/** Bursts that are watched: enough for a row's blocks to run out and be refilled. */
const BURSTS = 6;
const TIMED_BURSTS = 40;
const HEAP_BURSTS = 30;

const TINY = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  max_position_embeddings: 512,
  torch_dtype: "float16",
  hidden_size: 64,
  intermediate_size: 128,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rope_theta: 10000,
  vocab_size: 2048,
  tie_word_embeddings: true,
};

/** Of one burst each, in turn. */
async function watch(
  calls: GpuCalls,
  runner: LocalRunner,
  { rank }: { rank: number },
): Promise<GpuCounts[]> {
  await runner.fill(ROWS, {
    promptTokens: 20,
    maxTokens: 400,
    mixture: (i) => rank > 0 ? [{ generation: `${rank}-${i}`, weight: 1 }] : [],
  });
  const counts: GpuCounts[] = [];
  for (let i = 0; i < BURSTS; i++) {
    const before = runner.drawn;
    calls.reset();
    await runner.step();
    assert.equal(runner.drawn - before, ROWS * BURST, "a step draws a whole burst of each row");
    counts.push({ ...calls.counts });
  }
  return counts;
}

interface Watched {
  plain: GpuCounts[];
  adapted: GpuCounts[];
  hostUs: number;
  /** Bytes of JavaScript objects that a burst makes. */
  plainHeap: number;
  adaptedHeap: number;
}

async function measure(layers: number): Promise<Watched> {
  const directory = await Deno.makeTempDir();
  try {
    await writeRandomModel(directory, {
      name: "tiny",
      config: { ...TINY, num_hidden_layers: layers },
    });
    using calls = new GpuCalls();
    const runner = await LocalRunner.open(directory, { maxBatch: ROWS, maxModelLen: 512 });
    try {
      const plain = await watch(calls, runner, { rank: 0 });
      const { hostUs, plainHeap } = await calls.unwatched(async () => ({
        hostUs: await leastHostUs(runner, plain[0].dispatches),
        plainHeap: await leastHeapBytes(runner),
      }));
      const adapted = await watch(calls, runner, { rank: RANK });
      const adaptedHeap = await calls.unwatched(() => leastHeapBytes(runner));
      return { plain, adapted, hostUs, plainHeap, adaptedHeap };
    } finally {
      await runner.close();
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The least of several: what other work on the machine takes only adds to it. */
async function leastHostUs(runner: LocalRunner, dispatches: number): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < TIMED_BURSTS; i++) {
    least = Math.min(least, (await wallOf(runner, 1, dispatches)).hostUsPerDispatch);
  }
  return least;
}

/**
 * What the heap grows by in a burst in which nothing is collected: the least of several, as the first ones
 * compile, and as timers and messages of the process add to some.
 */
async function leastHeapBytes(runner: LocalRunner): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < HEAP_BURSTS; i++) {
    const before = Deno.memoryUsage().heapUsed;
    await runner.step();
    const grown = Deno.memoryUsage().heapUsed - before;
    if (grown > 0) least = Math.min(least, grown);
  }
  return least;
}

/** Dispatches of a token's step. */
const perStep = ([{ dispatches }]: readonly GpuCounts[]) => dispatches / BURST;

function most(what: string, value: number, bound: number): void {
  assert.ok(value <= bound, `${what}: ${value}, and step_bounds.json allows ${bound}`);
}

Deno.test("a decode step stays within its dispatches, writes, heap and host time, and makes nothing new on the GPU", async (t) => {
  const [two, four] = [await measure(2), await measure(4)];
  const perLayer = (perStep(four.plain) - perStep(two.plain)) / 2;
  const adaptedPerLayer = (perStep(four.adapted) - perStep(two.adapted)) / 2;

  await t.step("dispatches", () => {
    // A layer can't do with fewer than its four products.
    assert.ok(perLayer >= 4, `${perLayer} dispatches a layer are seen`);
    most("dispatches a layer", perLayer, bounds.dispatchesPerLayer);
    most(
      "dispatches that LoRA adds to a layer",
      adaptedPerLayer - perLayer,
      bounds.loraDispatchesPerLayer,
    );
    most(
      "dispatches of a step outside the layers",
      perStep(two.plain) - 2 * perLayer,
      bounds.dispatchesPerStep,
    );
  });

  for (const [kind, counts] of [["base", four.plain], ["LoRA", four.adapted]] as const) {
    await t.step(`submissions and bytes, ${kind}`, () => {
      for (const { submits, writes, writtenBytes, dispatches } of counts) {
        assert.ok(writtenBytes > 0, "the step's parameters are written");
        most("submissions of a burst", submits, bounds.submitsPerBurst);
        most("writes of a burst", writes, bounds.writesPerBurst);
        most("bytes written a dispatch", writtenBytes / dispatches, bounds.bytesPerDispatch);
      }
    });

    await t.step(`nothing is created in a steady state, ${kind}`, () => {
      for (const { bindGroups, buffers, pipelines, shaderModules } of counts) {
        assert.deepEqual({ bindGroups, buffers, pipelines, shaderModules }, {
          bindGroups: 0,
          buffers: 0,
          pipelines: 0,
          shaderModules: 0,
        });
      }
    });
  }

  await t.step("JavaScript's heap", () => {
    most("bytes of the heap a step", four.plainHeap / BURST, bounds.heapBytesPerStep);
    most(
      "bytes of the heap that LoRA adds to a step",
      (four.adaptedHeap - four.plainHeap) / BURST,
      bounds.loraHeapBytesPerStep,
    );
  });

  await t.step("host time a dispatch", () => {
    most(
      "microseconds of the host for a dispatch",
      four.hostUs,
      bounds.hostMicrosecondsPerDispatch,
    );
  });
});
