import { MAX_MIXTURE } from "../../core/adapter_weights.ts";
import type { Route, RouteChoice, RoutingMode, RoutingOptions } from "../../core/routing.ts";
import { NO_SLOT } from "../lora/mod.ts";
import { constantsOf, decodeStruct, encodeStruct, structLayout } from "../struct_layout.ts";
import wgsl from "./routes.wgsl" with { type: "text" };

const ROUTE_ORDER = structLayout(wgsl, "RouteOrder");
const ROUTE_RECORD = structLayout(wgsl, "RouteRecord");
const GATHER_ORDER = structLayout(wgsl, "GatherOrder");
const MODES = constantsOf(wgsl, "MODE");
const MISSES = constantsOf(wgsl, "MISS");
const FLAGS = constantsOf(wgsl, "FLAG");

/** In the class table: the class takes no part in the softmax (its adapter is gone or not known). */
export const CLASS_OFF = constantsOf(wgsl, "SLOT").OFF;
export const ORDER_BYTES = ROUTE_ORDER.bytes;
export const RECORD_BYTES = ROUTE_RECORD.bytes;
export const GATHER_BYTES = GATHER_ORDER.bytes;

/** Stands for "none" in any u32 field. */
const NONE = NO_SLOT;

/** How one row is to be routed. */
export interface RouteOrder {
  /** Batch row whose mixture is written, or null where only the record is wanted. */
  row: number | null;
  options: Pick<
    RoutingOptions,
    "mode" | "p" | "maxAdapters" | "minConfidence" | "hysteresis" | "onMiss"
  >;
  /**
   * The mixture that the row has in force (`RouteRecord.applied` of its latest route), empty for the
   * base alone; null where hysteresis must not look at any: for a first route, or after the router
   * was swapped.
   */
  previous: readonly RouteChoice[] | null;
}

/** An entry of the mixture that the router wants. */
export interface RecordedChoice extends RouteChoice {
  /** Where its adapter is on the GPU; null where it is not. */
  slot: number | null;
}

/** What became of one routed row. */
export interface RouteRecord extends Route {
  /** Wanted, before misses. */
  choices: RecordedChoice[];
  /**
   * What the row's entries of the mix table hold from now on, with the very weights; null where they
   * stayed as they were (`failed`, `stopped`).
   */
  applied: RouteChoice[] | null;
  /** The logits held a NaN or an infinity: nothing was changed. All else is 0 or empty. */
  failed: boolean;
  /** A chosen adapter is not on the GPU (`slot` null). */
  missed: boolean;
  /** Missed under `onMiss: "wait"`: the row no longer runs, its mixture is as it was. */
  stopped: boolean;
  /** Every class is off. */
  noClass: boolean;
  /** From now on the row has no adapter, for whatever reason. */
  base: boolean;
}

/** How one row's text becomes the router's input. */
export interface GatherOrder {
  /** The text's token ids, or at least its last ones. */
  tokens: Uint32Array | readonly number[];
  /**
   * Place among the engine's drawn tokens of one that follows; null for none. Where nothing was drawn
   * there (TOKEN_NOTHING, TOKEN_FAILED), none follows.
   */
  drawn: number | null;
}

export function encodeOrder({ row, options, previous }: RouteOrder): Uint8Array<ArrayBuffer> {
  if (previous && previous.length > MAX_MIXTURE) {
    throw new Error(`a mixture of ${previous.length} adapters: at most ${MAX_MIXTURE} are allowed`);
  }
  const values: Record<string, number> = {
    row: row ?? NONE,
    mode: MODES[nameOf(options.mode)],
    p: options.p,
    max_adapters: options.maxAdapters,
    min_confidence: options.minConfidence,
    hysteresis: options.hysteresis,
    on_miss: MISSES[nameOf(options.onMiss)],
    prior_count: previous?.length ?? NONE,
  };
  for (let i = 0; i < MAX_MIXTURE; i++) {
    values[`prior_${i}_class_index`] = previous?.[i]?.classIndex ?? NONE;
    values[`prior_${i}_weight`] = previous?.[i]?.weight ?? 0;
  }
  return encodeStruct(ROUTE_ORDER, values);
}

export function encodeGather(
  order: { start: number; length: number; drawn: number | null },
): Uint8Array<ArrayBuffer> {
  return encodeStruct(GATHER_ORDER, { ...order, drawn: order.drawn ?? NONE });
}

/** The first `rows` records of a copy of the records buffer. */
export function readRecords(data: ArrayBuffer, rows: number): RouteRecord[] {
  return Array.from(
    { length: rows },
    (_, i) => readRecord(new Uint8Array(data, i * RECORD_BYTES, RECORD_BYTES)),
  );
}

function readRecord(bytes: Uint8Array): RouteRecord {
  const values = decodeStruct(ROUTE_RECORD, bytes);
  const has = (flag: string) => (values.flags & FLAGS[flag]) !== 0;
  const entries = Array.from({ length: values.count }, (_, i) => ({
    classIndex: values[`choices_${i}_class_index`],
    weight: values[`choices_${i}_weight`],
    slot: values[`choices_${i}_slot`],
    applied: values[`choices_${i}_applied`],
  }));
  const unchanged = has("FAILED") || has("STOPPED");
  const inForce = has("BASE") ? [] : entries.filter(({ slot }) => slot !== NONE);
  return {
    choices: entries.map(({ classIndex, weight, slot }) => ({
      classIndex,
      weight,
      slot: slot === NONE ? null : slot,
    })),
    confidence: values.confidence,
    entropy: values.entropy,
    abstained: has("ABSTAINED"),
    kept: has("KEPT"),
    applied: unchanged
      ? null
      : inForce.map(({ classIndex, applied }) => ({ classIndex, weight: applied })),
    failed: has("FAILED"),
    missed: has("MISSED"),
    stopped: has("STOPPED"),
    noClass: has("NO_CLASS"),
    base: has("BASE"),
  };
}

/** "softmax-of-probs" is SOFTMAX_OF_PROBS in the WGSL. */
function nameOf(option: RoutingMode | RoutingOptions["onMiss"]): string {
  return option.toUpperCase().replaceAll("-", "_");
}
