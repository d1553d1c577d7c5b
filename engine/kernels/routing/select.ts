import type { BoundKernel, BufferScope, Recorder } from "../../gpu/mod.ts";
import rowsWgsl from "../sampling/rows.wgsl" with { type: "text" };
import type { KernelSet } from "../variants.ts";
import classesWgsl from "./classes.wgsl" with { type: "text" };
import { encodeOrder, ORDER_BYTES, RECORD_BYTES, type RouteOrder } from "./route_layout.ts";
import routesWgsl from "./routes.wgsl" with { type: "text" };
import wgsl from "./select.wgsl" with { type: "text" };

const SOURCE = [rowsWgsl, routesWgsl, classesWgsl, wgsl].join("\n");

/** The engine's tables of batch rows that routing writes. */
export interface RowTables {
  /** (u32 slot, f32 weight) `[maxBatch, MAX_MIXTURE]`, as the LoRA kernels read it. */
  mix: GPUBuffer;
  /** RowState `[maxBatch]`, as the sampling kernels keep it. */
  states: GPUBuffer;
  maxBatch: number;
}

/** The classes of one `select`. */
export interface SelectStep {
  /** f32 `[rows, classes]`. */
  logits: GPUBuffer;
  /** f32 `[rows, prototypes]`; read only where there are prototypes. */
  prototypeLogits: GPUBuffer;
  prototypes: number;
  orders: readonly RouteOrder[];
  /** Whether `Select.probabilities` is wanted. */
  probabilities: boolean;
}

/**
 * Turns logits into mixtures: the softmax over the classes that are on, the choice by the row's
 * options, hysteresis, misses. Sets are exact with respect to the f32 logits (ties go to the lower
 * class); masses compared with p or a bound have the error of the GPU's exp (a relative 1e-6).
 */
export class Select {
  /** RouteRecord `[rows]`, for `readRecords`. */
  readonly records: GPUBuffer;
  /** f32 `[rows, classes + prototypes]`; 0 where a class is off. */
  readonly probabilities: GPUBuffer;
  /** u32 `[classes + prototypes]`: slot, NO_SLOT (not on the GPU) or CLASS_OFF. */
  readonly classSlots: GPUBuffer;
  readonly #kernels: KernelSet;
  readonly #tables: RowTables;
  readonly #shape: { classes: number; maxRows: number; temperature: number };
  readonly #orders: GPUBuffer;
  readonly #orderBytes: Uint8Array<ArrayBuffer>;
  readonly #uniforms: GPUBuffer;
  #logits: GPUBuffer | null = null;
  #bound: BoundKernel | null = null;

  constructor(
    kernels: KernelSet,
    tables: RowTables,
    shape: { classes: number; maxPrototypes: number; maxRows: number; temperature: number },
    memory: { scope: BufferScope; uniforms: GPUBuffer },
  ) {
    const { scope, uniforms } = memory;
    const { classes, maxPrototypes, maxRows } = shape;
    const most = classes + maxPrototypes;
    this.#kernels = kernels;
    this.#tables = tables;
    this.#shape = shape;
    this.#uniforms = uniforms;
    this.records = scope.storage("route records", maxRows * RECORD_BYTES);
    this.probabilities = scope.storage("class probabilities", 4 * maxRows * most);
    this.classSlots = scope.storage("class slots", 4 * most);
    this.#orders = scope.storage("route orders", maxRows * ORDER_BYTES);
    this.#orderBytes = new Uint8Array(maxRows * ORDER_BYTES);
  }

  /** At most once per submission: its inputs are written when called. */
  record(recorder: Recorder, step: SelectStep): void {
    const { orders, prototypes } = step;
    const { classes, maxRows, temperature } = this.#shape;
    if (orders.length === 0) return;
    if (orders.length > maxRows) {
      throw new Error(
        `cannot route ${orders.length} texts at once: at most ${maxRows} are allowed`,
      );
    }
    orders.forEach((order, i) => {
      // The GPU would clamp it to some other row.
      if (order.row !== null && order.row >= this.#tables.maxBatch) {
        throw new Error(`no batch row ${order.row}: there are ${this.#tables.maxBatch}`);
      }
      this.#orderBytes.set(encodeOrder(order), i * ORDER_BYTES);
    });
    const { queue } = this.#kernels.gpu.device;
    queue.writeBuffer(this.#orders, 0, this.#orderBytes, 0, orders.length * ORDER_BYTES);
    this.#bind(step).dispatch(recorder, {
      classes,
      prototypes,
      inverse_temperature: 1 / temperature,
      probabilities: step.probabilities ? 1 : 0,
    }, [orders.length]);
  }

  /** The router makes its outputs anew for every run, mostly in the same buffers. */
  #bind({ logits, prototypeLogits }: SelectStep): BoundKernel {
    if (logits === this.#logits && this.#bound) return this.#bound;
    const { gpu } = this.#kernels;
    // A software driver runs a workgroup's invocations in turn: more than a few only cost barriers.
    const constants = { WORKGROUP: gpu.info.isFallback ? 64 : 256 };
    this.#logits = logits;
    this.#bound = this.#kernels.get("select", SOURCE, constants).bind({
      logits,
      prototype_logits: prototypeLogits,
      class_slots: this.classSlots,
      orders: this.#orders,
      mix: this.#tables.mix,
      states: this.#tables.states,
      records: this.records,
      probabilities: this.probabilities,
    }, this.#uniforms);
    return this.#bound;
  }
}
