import { BufferScope, type Recorder } from "../../gpu/mod.ts";
import { CLASS_OFF } from "./route_layout.ts";
import type { KernelSet } from "../variants.ts";
import { Gather, type GatheredBatch } from "./gather.ts";
import { type Prototype, Prototypes } from "./prototypes.ts";
import type { GatherOrder, RouteOrder } from "./route_layout.ts";
import { type RowTables, Select } from "./select.ts";

/** The most rows of one batch. */
export const MAX_ROUTED_ROWS = 64;
/** The most classes a router has, and the most prototypes besides. */
export const MAX_CLASSES = 512;
export const MAX_PROTOTYPES = 512;
/** The most features a router has. */
export const MAX_FEATURES = 1024;

/** What routing needs to know of a router. */
export interface RouterShape {
  classes: number;
  /** Width of its features; null where it has none and so takes no prototypes. */
  features: number | null;
  /** Its classes' logits are divided by it. */
  temperature: number;
  /** Tokens that it sees of a text: the last so many. */
  maxTokens: number;
  /** Token ids that it knows are below this; others are passed over. */
  vocab: number;
}

/** One run of a router, ready for `select`. */
export interface RoutedBatch {
  /** f32 `[rows, classes]`. */
  logits: GPUBuffer;
  /** f32 `[rows, features]`; null where the router has none. */
  features: GPUBuffer | null;
  orders: readonly RouteOrder[];
  /** Whether `probabilities` is wanted; it isn't unless said. */
  wantProbabilities?: boolean;
}

/**
 * What lies before and after one router on the GPU. A batch goes: `gather`, submit, the router's
 * run, `select` and whatever follows. Classes are the router's own, then the prototypes.
 */
export class RoutingKernels {
  readonly #scope: BufferScope;
  readonly #queue: GPUQueue;
  readonly #router: RouterShape;
  readonly #gather: Gather;
  readonly #select: Select;
  readonly #prototypes: Prototypes | null;
  readonly #empty: GPUBuffer;
  readonly #maxClasses: number;
  #numClasses: number;

  /** `engine.drawn` is u32: what rows drew (SamplingBuffers.drawn). Every class is off at first. */
  constructor(
    kernels: KernelSet,
    engine: RowTables & { drawn: GPUBuffer },
    router: RouterShape,
    options: { uniforms: GPUBuffer; maxRows?: number; maxPrototypes?: number },
  ) {
    const { uniforms, maxRows = MAX_ROUTED_ROWS } = options;
    const { classes, features: width, temperature } = router;
    const maxPrototypes = width === null ? 0 : options.maxPrototypes ?? MAX_PROTOTYPES;
    checkShape(router, maxPrototypes);
    this.#scope = new BufferScope(kernels.gpu.device);
    this.#queue = kernels.gpu.device.queue;
    this.#router = router;
    this.#empty = kernels.empty;
    this.#maxClasses = classes + maxPrototypes;
    this.#numClasses = classes;
    const scope = this.#scope;
    this.#gather = new Gather(
      kernels,
      { ...router, maxRows },
      { scope, drawn: engine.drawn },
      uniforms,
    );
    const shape = { classes, maxPrototypes, maxRows, temperature };
    this.#select = new Select(kernels, engine, shape, { scope, uniforms });
    this.#prototypes = width === null
      ? null
      : new Prototypes(kernels, { ...shape, width }, scope, uniforms);
    this.setClassSlots(new Uint32Array(classes).fill(CLASS_OFF));
  }

  /** i32 `[rows, sequence]`: the router's input, after `gather`. */
  get inputIds(): GPUBuffer {
    return this.#gather.inputIds;
  }

  /** i32 `[rows, sequence]`. */
  get attentionMask(): GPUBuffer {
    return this.#gather.attentionMask;
  }

  /** Read its first `rows * RECORD_BYTES` and give them to `readRecords`. */
  get records(): GPUBuffer {
    return this.#select.records;
  }

  /** f32 `[rows, numClasses]`, where asked for; 0 where a class is off. */
  get probabilities(): GPUBuffer {
    return this.#select.probabilities;
  }

  /** The router's classes and the prototypes in use. */
  get numClasses(): number {
    return this.#numClasses;
  }

  /**
   * Each class's slot in the mix table, NO_SLOT where its adapter is not on the GPU, CLASS_OFF where
   * it takes no part. Entries after the router's classes are prototypes, which must have been set.
   */
  setClassSlots(slots: Uint32Array): void {
    const { classes } = this.#router;
    if (slots.length < classes || slots.length > this.#maxClasses) {
      const allowed = `${classes} to ${this.#maxClasses}`;
      throw new Error(`slots for ${slots.length} classes: ${allowed} are allowed`);
    }
    this.#queue.writeBuffer(this.#select.classSlots, 0, Uint32Array.from(slots));
    this.#numClasses = slots.length;
  }

  /** Defines or replaces prototype `index`, class `classes + index`; `setClassSlots` switches it on. */
  setPrototype(index: number, prototype: Prototype): void {
    if (!this.#prototypes) throw new Error("a router without features takes no prototypes");
    this.#prototypes.set(index, prototype);
  }

  /** Records the making of the router's input, of padded length; at most once per submission. */
  gather(
    recorder: Recorder,
    orders: readonly GatherOrder[],
    pad?: (length: number) => number,
  ): GatheredBatch {
    return this.#gather.record(recorder, orders, pad);
  }

  /** Records what turns a run's outputs into mixtures; at most once per submission. */
  select(recorder: Recorder, batch: RoutedBatch): void {
    const { logits, features, orders } = batch;
    const prototypes = this.#numClasses - this.#router.classes;
    if (prototypes > 0) {
      if (!features) throw new Error("prototypes need the router's features");
      this.#prototypes!.record(recorder, { features, rows: orders.length, prototypes });
    }
    this.#select.record(recorder, {
      logits,
      prototypeLogits: this.#prototypes?.logits ?? this.#empty,
      prototypes,
      orders,
      probabilities: batch.wantProbabilities ?? false,
    });
  }

  /** Frees what this router needed; call when no submission uses it any more. */
  destroy(): void {
    this.#scope.destroy();
  }
}

function checkShape({ classes, features }: RouterShape, maxPrototypes: number): void {
  const within = (value: number, min: number, max: number) => value >= min && value <= max;
  if (!within(classes, 1, MAX_CLASSES)) {
    throw new Error(`a router of ${classes} classes: 1 to ${MAX_CLASSES} are allowed`);
  }
  if (!within(maxPrototypes, 0, MAX_PROTOTYPES)) {
    throw new Error(`${maxPrototypes} prototypes: 0 to ${MAX_PROTOTYPES} are allowed`);
  }
  if (features !== null && !within(features, 1, MAX_FEATURES)) {
    throw new Error(`a router of ${features} features: 1 to ${MAX_FEATURES} are allowed`);
  }
}
