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
export { isLoopbackHost } from "./local_request.ts";
export { createMetrics, type ServerMetrics } from "./metrics.ts";
export type {
  AdapterCatalog,
  AppDeps,
  ChatMessage,
  Clock,
  Detokenizer,
  HeldAdapter,
  RouteSettings,
  TextTokenizer,
} from "./ports.ts";
export type { ConnectionInfo } from "./request_record.ts";
export { adapterLog } from "./process/adapter_log.ts";
export { banner, type BannerOptions } from "./process/banner.ts";
export { type Progress, progressOf } from "./process/progress.ts";
export { serve, type ServeOptions } from "./process/server.ts";
export { stopOnSignals } from "./process/signals.ts";
