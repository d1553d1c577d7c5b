import assert from "node:assert/strict";
import { MAX_MIXTURE } from "../../../../engine/core/adapter_weights.ts";
import { DEFAULT_ROUTING } from "../../../../engine/core/routing.ts";
import { NO_SLOT } from "../../../../engine/kernels/lora/mod.ts";
import {
  type Prototype,
  readRecords,
  RECORD_BYTES,
  type RouteOrder,
  type RouteRecord,
  type RouterShape,
  RoutingKernels,
} from "../../../../engine/kernels/routing/mod.ts";
import { ROW_STATE } from "../../../../engine/kernels/sampling/mod.ts";
import { encodeStruct } from "../../../../engine/kernels/struct_layout.ts";
import { type Bench, kernelTest } from "../harness.ts";

export const MAX_BATCH = 72;

/** A kernel test in f32 alone: routing reads no stored weights. */
export function routingTest(name: string, body: (bench: Bench) => Promise<void>): void {
  kernelTest(name, body, { dtypes: ["f32"] });
}

/** One row to route. */
export interface RoutedRow {
  logits: ArrayLike<number>;
  features?: ArrayLike<number>;
  order?: { row?: number | null; previous?: RouteOrder["previous"] };
  options?: Partial<RouteOrder["options"]>;
}

/** What a batch left behind. */
export interface Routed {
  records: RouteRecord[];
  /** The records as they are, for comparisons bit by bit. */
  recordWords: Uint32Array[];
  /** u32 words of each batch row's entries. */
  mix: Uint32Array[];
  /** Of each batch row. */
  running: number[];
  probabilities: Float32Array[];
}

/** The i-th row as `select` takes it: batch row i, hysteresis off unless said. */
export function orderOf({ order, options }: RoutedRow, i: number): RouteOrder {
  return {
    row: order?.row === undefined ? i : order.row,
    previous: order?.previous ?? null,
    options: { ...DEFAULT_ROUTING, hysteresis: 0, ...options },
  };
}

/** What the batch row's entries hold before a batch: two slots of its own. */
export function untouched(row: number): Uint32Array {
  const words = new Uint32Array(2 * MAX_MIXTURE).fill(NO_SLOT);
  words.set([900 + row, bitsOf(0.75), 2000 + row, bitsOf(0.25)]);
  return words;
}

/** The entries that a record says were written. */
export function entriesOf(applied: RouteRecord["applied"], slots: Uint32Array): Uint32Array {
  const words = new Uint32Array(2 * MAX_MIXTURE);
  for (let i = 0; i < MAX_MIXTURE; i++) {
    const choice = applied?.[i];
    words.set(choice ? [slots[choice.classIndex], bitsOf(choice.weight)] : [NO_SLOT, 0], 2 * i);
  }
  return words;
}

/** Runs `gather` and `select` of one router beside tables like the engine's. */
export class RoutingBench {
  readonly kernels: RoutingKernels;
  readonly drawn: GPUBuffer;
  readonly #bench: Bench;
  readonly #mix: GPUBuffer;
  readonly #states: GPUBuffer;
  readonly #router: RouterShape;

  constructor(bench: Bench, router: Partial<RouterShape> & { classes: number }) {
    this.#bench = bench;
    this.#router = { features: null, temperature: 1, maxTokens: 256, vocab: 1000, ...router };
    this.#mix = bench.u32(MAX_BATCH * MAX_MIXTURE * 2);
    this.#states = bench.u32(MAX_BATCH * ROW_STATE.bytes / 4);
    this.drawn = bench.u32(64);
    this.kernels = new RoutingKernels(
      bench.kernels,
      { mix: this.#mix, states: this.#states, drawn: this.drawn, maxBatch: MAX_BATCH },
      this.#router,
      { uniforms: bench.uniforms },
    );
  }

  setPrototypes(prototypes: readonly Prototype[]): void {
    prototypes.forEach((prototype, i) => this.kernels.setPrototype(i, prototype));
  }

  /** Routes the rows over tables as `untouched` says, all running. */
  async run(rows: readonly RoutedRow[], slots: Uint32Array): Promise<Routed> {
    const { gpu, recorder, readU32, readF32 } = this.#bench;
    for (let row = 0; row < MAX_BATCH; row++) {
      gpu.device.queue.writeBuffer(this.#mix, row * 8 * MAX_MIXTURE, untouched(row).slice());
      const state = { token: 7, position: 5, drawn: 3, budget: 2, running: 1 };
      const bytes = encodeStruct(ROW_STATE, state);
      gpu.device.queue.writeBuffer(this.#states, row * ROW_STATE.bytes, bytes);
    }
    this.kernels.setClassSlots(slots);
    this.kernels.select(recorder, {
      logits: this.#bench.f32(rows.flatMap(({ logits }) => [...Array.from(logits)])),
      features: this.#router.features === null
        ? null
        : this.#bench.f32(rows.flatMap(({ features }) => [...Array.from(features!)])),
      orders: rows.map(orderOf),
      wantProbabilities: true,
    });
    const recordSize = RECORD_BYTES / 4;
    const records = await readU32(this.kernels.records, rows.length * recordSize);
    const mix = await readU32(this.#mix, MAX_BATCH * 2 * MAX_MIXTURE);
    const states = await readU32(this.#states, MAX_BATCH * ROW_STATE.bytes / 4);
    const flat = await readF32(this.kernels.probabilities, rows.length * slots.length);
    const running = ROW_STATE.fields.findIndex(({ name }) => name === "running");
    const cut = <T extends Uint32Array | Float32Array>(words: T, size: number, count: number) =>
      Array.from({ length: count }, (_, i) => words.slice(i * size, (i + 1) * size) as T);
    return {
      records: readRecords(records.slice().buffer, rows.length),
      recordWords: cut(records, recordSize, rows.length),
      mix: cut(mix, 2 * MAX_MIXTURE, MAX_BATCH),
      running: cut(states, ROW_STATE.bytes / 4, MAX_BATCH).map((state) => state[running]),
      probabilities: cut(flat, slots.length, rows.length),
    };
  }

  /** Routes rows whose adapters are all on the GPU, each in the slot 10 + class. */
  async route(rows: readonly RoutedRow[]): Promise<RouteRecord[]> {
    return (await this.run(rows, allHere(this.#router.classes))).records;
  }
}

export function allHere(classes: number): Uint32Array {
  return Uint32Array.from({ length: classes }, (_, c) => 10 + c);
}

/** Classes and weights, rounded for comparison: `[[class, weight], …]`. */
export function mixtureOf(choices: RouteRecord["applied"]): number[][] {
  return choices!.map(({ classIndex, weight }) => [classIndex, Math.round(weight * 1e5) / 1e5]);
}

/** Everything equal; weights and confidence to 1e-6, the entropy to 1e-5. */
export function assertRecord(actual: RouteRecord, expected: RouteRecord, label: string): void {
  const exact = (record: RouteRecord) => ({
    ...record,
    confidence: 0,
    entropy: 0,
    choices: record.choices.map(({ classIndex, slot }) => ({ classIndex, slot })),
    applied: record.applied?.map(({ classIndex }) => classIndex) ?? null,
  });
  assert.deepEqual(exact(actual), exact(expected), label);
  const close = (a: number, b: number, tolerance: number, what: string) =>
    assert.ok(Math.abs(a - b) <= tolerance, `${label}: ${what} is ${a}, expected ${b}`);
  close(actual.confidence, expected.confidence, 1e-6, "confidence");
  close(actual.entropy, expected.entropy, 1e-5, "entropy");
  actual.choices.forEach(({ weight }, i) =>
    close(weight, expected.choices[i].weight, 1e-6, "weight")
  );
  actual.applied?.forEach(({ weight }, i) =>
    close(weight, expected.applied![i].weight, 1e-6, "applied weight")
  );
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
