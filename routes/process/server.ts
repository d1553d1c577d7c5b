import type { Engine } from "../../engine/core/engine.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import type { Lifecycle } from "../lifecycle.ts";
import type { Logger } from "../logger.ts";
import type { ConnectionInfo } from "../request_record.ts";

export interface ServeOptions {
  /** Answers requests: an app's `fetch`. */
  fetch: (request: Request, connection: ConnectionInfo) => Response | Promise<Response>;
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
 * Throws `unavailable` when it cannot listen.
 */
export async function serve(options: ServeOptions): Promise<0 | 1> {
  const { engine, lifecycle, logger, stop } = options;
  const connections = new AbortController();
  const server = listen(options, connections.signal);

  let lost = false;
  const onLost = engine.lost.then((error) => {
    lost = true;
    lifecycle.markLost();
    logger.log("error", "device_lost", { error: messageOf(error) });
  });
  await Promise.race([onLost, aborted(stop)]);
  // A device lost while draining ends the running answers, and with them the drain.
  const drainMs = lost ? 0 : options.drainMs;
  logger.log("info", "draining", { running: lifecycle.running, drain_ms: drainMs });
  const complete = await lifecycle.drain(drainMs);
  logger.log("info", "drained", { complete });
  const timer = setTimeout(() => connections.abort(), CLOSE_MS);
  await server.shutdown();
  clearTimeout(timer);
  return lost ? 1 : 0;
}

function listen(options: ServeOptions, signal: AbortSignal): Deno.HttpServer {
  const { host, port, fetch, logger, onListen } = options;
  try {
    return Deno.serve({
      hostname: host,
      port,
      signal,
      onListen: ({ hostname, port }) => onListen?.(urlOf(hostname, port)),
      // The app answers its own errors; what comes here is a body that broke off.
      onError(error) {
        logger.log("warn", "response_broken", { error: messageOf(error) });
        return new Response(null, { status: 500 });
      },
    }, (request, { remoteAddr }) => fetch(request, { remoteAddr }));
  } catch (cause) {
    throw new WeftError(
      "unavailable",
      `Cannot listen on ${host}:${port}: ${messageOf(cause)}; choose another with --host or --port`,
      { cause },
    );
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function urlOf(hostname: string, port: number): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
