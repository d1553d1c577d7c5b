import assert from "node:assert/strict";
import fc from "fast-check";
import { cutPart, type PartQuestion } from "../../../engine/core/adapter_part.ts";
import {
  type AdapterModule,
  type AdapterWeights,
  projectionShape,
} from "../../../engine/core/adapter_weights.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { type GenerateRequest, GREEDY } from "../../../engine/core/generation.ts";
import type { ModelConfig } from "../../../engine/core/model_config.ts";
import { ActiveRequest } from "../../../engine/runner/active_request.ts";
import { AdapterGate, type Hopeless } from "../../../engine/runner/adapter_gate.ts";
import type { Sequence } from "../../../engine/scheduler/mod.ts";
import { PaperPool } from "../lora/paper_gpu.ts";

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];
const PART_BYTES = 100;

/** Some modules of ranks 1 to 4, the same for the same name. */
function adapter(generation: string, config: ModelConfig): AdapterWeights {
  const seed = generation.charCodeAt(0);
  const modules: AdapterModule[] = [];
  for (let layer = 0; layer < config.numLayers; layer++) {
    for (const [i, projection] of (["q", "v", "o", "down"] as const).entries()) {
      if ((seed + i) % 5 === 0) continue;
      const rank = 1 + (seed * (i + 1) + layer) % 4;
      const { inSize, outSize } = projectionShape(config, projection);
      const values = (length: number, from: number) =>
        Float32Array.from({ length }, (_, j) => seed * 1000 + layer * 100 + i * 20 + from + j);
      const scale = 1 / (1 + i);
      const a = values(rank * inSize, 0.25);
      modules.push({ layer, projection, rank, scale, a, b: values(rank * outSize, 0.75) });
    }
  }
  return { generation, maxRank: Math.max(...modules.map(({ rank }) => rank)), modules };
}

/** A gate between requests and a main thread that answers in any order, or says that it failed. */
class Trace {
  readonly paper: PaperPool;
  readonly gate: AdapterGate<ActiveRequest>;
  readonly weights: Map<string, AdapterWeights>;
  readonly active = new Set<ActiveRequest>();
  readonly failures = new Map<ActiveRequest, WeftError>();
  readonly questions: PartQuestion[] = [];
  /** Generations that failed to come at some time: that ends holds, also those that were told. */
  readonly unreliable = new Set<string>();
  /** Holds that were not released, with what was told of them. */
  readonly holds = new Map<number, { generation: string; told: WeftError | null | undefined }>();
  #now = 0;
  #ids = 0;

  constructor(size: { maxAdapters: number; rankRows: number }) {
    this.paper = new PaperPool({ ...size, maxLoraRank: 4 });
    this.weights = new Map(NAMES.map((name) => [name, adapter(name, this.paper.config)]));
    this.gate = new AdapterGate(this.paper.pool, {
      held: (id, error) => {
        const hold = this.holds.get(id)!;
        assert.equal(hold.told, undefined, "told twice");
        hold.told = error;
        if (error) this.holds.delete(id);
        else assert.ok(this.paper.pool.has(hold.generation), "told before it was there");
      },
      requestAdapter: (question) => {
        const { generation, from } = question;
        assert.ok(
          !this.questions.some((open) => open.generation === generation && open.from === from),
          "asked twice",
        );
        this.questions.push(question);
      },
      now: () => this.#now++,
    });
  }

  submit(names: string[]): void {
    const request: GenerateRequest = {
      id: `${this.#ids++}`,
      promptTokens: Uint32Array.of(1),
      maxTokens: 1,
      mixture: names.map((generation) => ({ generation, weight: 1 })),
      sampling: GREEDY,
      stopTokens: [],
      pauseTokens: [],
    };
    const active = new ActiveRequest(request, { sequence: {} as Sequence, route: null }, 0);
    this.active.add(active);
    this.gate.add(active);
  }

  end(active: ActiveRequest): void {
    this.active.delete(active);
    this.gate.remove(active);
  }

  hold(generation: string): void {
    const id = this.#ids++;
    this.holds.set(id, { generation, told: undefined });
    this.gate.hold(id, generation);
  }

  unhold(id: number): void {
    this.holds.delete(id);
    this.gate.unhold(id);
    this.gate.unhold(id);
  }

  answer(index: number, kind: "part" | "failure"): void {
    const [question] = this.questions.splice(index, 1);
    const { generation, from } = question;
    if (kind === "part") {
      const part = cutPart(this.weights.get(generation)!, { from, maxBytes: PART_BYTES });
      this.#fail(this.gate.arrived(part));
    } else {
      this.unreliable.add(generation);
      this.#fail(this.gate.failed(question, new WeftError("unavailable", "gone")));
    }
  }

  /** Returns whether there is more to write at once. */
  step(limitMs: number | null): boolean {
    this.#fail(this.gate.admit());
    const { hopeless, more } = this.gate.upload(limitMs);
    this.#fail(hopeless);
    return more;
  }

  check(): void {
    const { pool } = this.paper;
    pool.checkIntegrity();
    const wanted = new Set([...this.holds.values()].map(({ generation }) => generation));
    for (const { generations } of this.active) for (const name of generations) wanted.add(name);
    for (const name of NAMES) {
      if (pool.missing(name) !== null) assert.ok(wanted.has(name), `${name} is left half written`);
    }
    // Whatever was written since: those who run find all they need.
    for (const { ready, generations } of this.active) {
      if (!ready) continue;
      for (const name of generations) this.paper.assertWhole(this.weights.get(name)!);
    }
  }

  #fail(hopeless: Hopeless<ActiveRequest>[]): void {
    for (const { active, error } of hopeless) {
      assert.ok(this.active.has(active), "a request failed twice or after its end");
      this.failures.set(active, error);
      this.end(active);
    }
  }
}

const pick = fc.nat(1000);
const op = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("submit" as const),
      names: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("part" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("failure" as const), pick }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("step" as const),
      limit: fc.constantFrom(null, 1, 1, 3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("end" as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("hold" as const),
      name: fc.constantFrom(...NAMES),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unhold" as const), pick }) },
);
const size = fc.record({
  maxAdapters: fc.integer({ min: 1, max: 6 }),
  rankRows: fc.integer({ min: 4, max: 14 }),
});

/** Answers and steps until every request ended, each as soon as it could run. */
function drain(trace: Trace): void {
  for (let turn = 0; trace.active.size > 0; turn++) {
    assert.ok(turn < 1000, `${trace.active.size} requests are stuck`);
    while (trace.questions.length > 0) trace.answer(0, "part");
    trace.step(1);
    trace.check();
    for (const active of trace.active) if (active.ready) trace.end(active);
  }
}

Deno.test("whatever arrives, fails and is given up, running requests find whole adapters and nobody is stuck", () => {
  fc.assert(
    fc.property(size, fc.array(op, { minLength: 20, maxLength: 120 }), (size, ops) => {
      const trace = new Trace(size);
      for (const op of ops) {
        const at = <T>(all: Iterable<T>, n: number) => [...all][n % [...all].length];
        switch (op.kind) {
          case "submit":
            trace.submit(op.names);
            break;
          case "part":
          case "failure":
            if (trace.questions.length > 0) {
              trace.answer(op.pick % trace.questions.length, op.kind);
            }
            break;
          case "step":
            trace.step(op.limit);
            break;
          case "end":
            if (trace.active.size > 0) trace.end(at(trace.active, op.pick));
            break;
          case "hold":
            trace.hold(op.name);
            break;
          case "unhold":
            if (trace.holds.size > 0) trace.unhold(at(trace.holds.keys(), op.pick));
        }
        trace.check();
      }
      drain(trace);
      for (const error of trace.failures.values()) {
        assert.ok(["unavailable", "unsupported"].includes(error.code), error.message);
      }
      // With nobody in their way, holds that were accepted are there.
      for (let turn = 0; turn < 200; turn++) {
        while (trace.questions.length > 0) trace.answer(0, "part");
        trace.step(1);
        trace.check();
      }
      for (const { generation, told } of trace.holds.values()) {
        assert.equal(told, null, `nothing was told of the hold of ${generation}`);
        if (trace.unreliable.has(generation)) continue;
        assert.ok(trace.paper.pool.has(generation), `${generation} did not come back`);
        trace.paper.assertWhole(trace.weights.get(generation)!);
      }
      for (const id of [...trace.holds.keys()]) trace.unhold(id);
      const { pinned, held } = trace.paper.pool.stats();
      assert.deepEqual({ pinned, held, questions: trace.questions }, {
        pinned: [],
        held: [],
        questions: [],
      });
    }),
    { numRuns: 1500 },
  );
});
