import type { Engine } from "./engine/core/engine.ts";
import { messageOf } from "./engine/core/errors.ts";
import type { Lifecycle, Logger } from "./routes/mod.ts";

export interface ServeOptions {
  /** Answers requests: an app's `fetch`. */
  fetch: (request: Request) => Response | Promise<Response>;
  engine: Pick<Engine, "lost">;
  lifecycle: Lifecycle;
  logger: Logger;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Time for running answers once `stop` is aborted, in milliseconds. */
  drainMs: number;
  /** Aborted when the server shall end: SIGTERM or SIGINT. */
  stop: AbortSignal;
  onListen?: (url: string) => void;
}

/** Time for connections to close after the last answer, in milliseconds. */
const CLOSE_MS = 1000;

/**
 * Serves until told to stop or the engine is lost, and returns the process's exit code. The listener
 * stays open while draining, so that `/ready` can say 503 and new requests get an answer.
 */
export async function serve(options: ServeOptions): Promise<0 | 1> {
  const { engine, lifecycle, logger, stop } = options;
  const connections = new AbortController();
  const server = Deno.serve({
    hostname: options.host,
    port: options.port,
    signal: connections.signal,
    onListen: ({ hostname, port }) => options.onListen?.(urlOf(hostname, port)),
  }, (request) => options.fetch(request));

  const lost = await Promise.race([engine.lost, aborted(stop)]);
  if (lost === null) {
    logger.log("info", "draining", { running: lifecycle.running, drain_ms: options.drainMs });
    // The device may still be lost while the last answers are written.
    const complete = await lifecycle.drain(options.drainMs);
    logger.log("info", "drained", { complete });
  } else {
    lifecycle.markLost();
    logger.log("error", "device_lost", { error: messageOf(lost) });
    // Running answers end by the engine's error; this lets it reach their clients.
    await lifecycle.drain(0);
  }
  const timer = setTimeout(() => connections.abort(), CLOSE_MS);
  await server.shutdown();
  clearTimeout(timer);
  return lost === null ? 0 : 1;
}

function aborted(signal: AbortSignal): Promise<null> {
  if (signal.aborted) return Promise.resolve(null);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

function urlOf(hostname: string, port: number): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
