/** The HTTP API over an engine, a tokenizer and adapters, and the process that serves it. */
export { createApp } from "./app.ts";
export { Lifecycle, type LifecycleState } from "./lifecycle.ts";
export { MAX_BODY_BYTES } from "./limits.ts";
export {
  createLogger,
  LOG_FORMATS,
  LOG_LEVELS,
  type LogFields,
  type LogFormat,
  type Logger,
  type LogLevel,
} from "./logger.ts";
export { createMetrics, type ServerMetrics } from "./metrics.ts";
export type {
  AdapterCatalog,
  AdapterEntry,
  AdapterLease,
  AppDeps,
  ChatMessage,
  Clock,
  Detokenizer,
  RouteSettings,
  TextTokenizer,
} from "./ports.ts";
export { banner, type BannerOptions } from "./process/banner.ts";
export { type Progress, progressOf } from "./process/progress.ts";
export { serve, type ServeOptions } from "./process/server.ts";
export { stopOnSignals } from "./process/signals.ts";
