/** The HTTP API: OpenAI's endpoints, probes and metrics, over an engine, a tokenizer and adapters. */
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
