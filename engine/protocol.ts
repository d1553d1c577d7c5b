import type { AdapterPart, PartQuestion } from "./core/adapter_part.ts";
import type { EngineInfo, EngineStats, Quantize } from "./core/engine.ts";
import { type ErrorCode, messageOf, WeftError } from "./core/errors.ts";
import type { GenerateRequest, TokenEvent } from "./core/generation.ts";
import type {
  ClassTarget,
  PrototypeFit,
  RouterInfo,
  RouterSource,
  RoutingVocabulary,
} from "./core/router.ts";
import type { RoutingOptions, TextRoute } from "./core/routing.ts";
import type { DeviceTuning } from "./core/tuning.ts";
import type { SizingOptions } from "./runner/mod.ts";

/** How an engine is started; what is left out follows from the model and the device. */
export interface EngineOptions extends SizingOptions {
  /** A model in Hugging Face layout. */
  modelDirectory: string;
  /** "auto" is f16 where the device has it. */
  dtype?: "f16" | "f32" | "auto";
  /** How the base model's matrices are stored; "none" if not given. */
  quantize?: Quantize;
  /** What was measured on devices, this one perhaps among them. */
  tunings?: readonly DeviceTuning[];
  /** Measure the kernels' variants now; answered by a `tuned`. */
  tune?: boolean;
  /** A router will be opened: what it runs on is loaded beside the model. */
  expectsRouter?: boolean;
  /** `generate` is refused once so many requests wait. */
  maxQueuedRequests?: number;
  /** `generate` is refused beyond this many waiting prompt tokens. */
  maxQueuedTokens?: number;
}

/** An error as it crosses between threads. */
export interface ErrorMessage {
  code: ErrorCode;
  message: string;
  param?: string;
  reason?: string;
  retryAfterSeconds?: number;
}

/** What the router is asked to do; each is answered by a `router_answer` of its id. */
export type RouterOrder =
  | { order: "open"; source: RouterSource; vocabulary: RoutingVocabulary }
  | { order: "close" }
  | { order: "set_prototype"; label: string; texts: readonly Uint32Array[] }
  | { order: "route"; texts: readonly Uint32Array[]; options: RoutingOptions };

/** What each order is answered with. */
export interface RouterAnswers {
  open: RouterInfo;
  close: null;
  set_prototype: PrototypeFit;
  route: { router: RouterInfo; routes: TextRoute[] };
}

/** From the main thread to the engine's worker. */
export type ToWorker =
  | { kind: "start"; options: EngineOptions }
  | { kind: "generate"; request: GenerateRequest }
  | { kind: "abort"; id: string }
  | { kind: "adapter_part"; part: AdapterPart }
  | { kind: "adapter_failed"; question: PartQuestion; error: ErrorMessage }
  | { kind: "hold"; id: number; generation: string }
  | { kind: "unhold"; id: number }
  | { kind: "router"; id: number; order: RouterOrder }
  | { kind: "set_classes"; targets: readonly ClassTarget[] }
  | { kind: "remove_prototype"; label: string }
  | { kind: "class_acquired"; id: number; generation: string }
  | { kind: "class_failed"; id: number; error: ErrorMessage }
  | { kind: "check_integrity" }
  | { kind: "close" };

/** From the worker to the main thread. */
export type FromWorker =
  | { kind: "progress"; loadedBytes: number; totalBytes: number }
  | { kind: "tuned"; tuning: DeviceTuning }
  | { kind: "ready"; info: EngineInfo }
  | { kind: "step"; outcomes: Outcome[]; stats: EngineStats }
  /** Answered by an `adapter_part` or `adapter_failed`. */
  | { kind: "need_adapter"; question: PartQuestion }
  /** A hold's generation is on the GPU, or never will be. */
  | { kind: "held"; id: number; error: ErrorMessage | null }
  /** Answered by `class_acquired` or `class_failed`. */
  | { kind: "acquire_class"; id: number; label: string }
  | { kind: "release_class"; id: number }
  | {
    kind: "router_answer";
    id: number;
    /** What is in place now. */
    info: RouterInfo | null;
    answer: RouterAnswers[keyof RouterAnswers] | { error: ErrorMessage };
  }
  | { kind: "integrity"; error: ErrorMessage | null }
  | { kind: "lost"; error: ErrorMessage }
  | { kind: "closed" };

/** What became known of a request. */
export type Outcome =
  | { id: string; event: TokenEvent }
  | { id: string; error: ErrorMessage };

export function toErrorMessage(error: unknown): ErrorMessage {
  if (!(error instanceof WeftError)) return { code: "internal", message: messageOf(error) };
  const { code, message, param, reason, retryAfterSeconds } = error;
  return { code, message, param, reason, retryAfterSeconds };
}

export function fromErrorMessage(error: ErrorMessage): WeftError {
  const { code, message, ...options } = error;
  return new WeftError(code, message, options);
}
