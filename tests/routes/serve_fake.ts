/** A server over the fake engine in a process of its own, for tests of signals. Prints its URL. */
import { serve } from "../../routes/process/server.ts";
import { stopOnSignals } from "../../routes/process/signals.ts";
import { createHarness } from "./harness.ts";

const { app, engine, lifecycle, logger } = createHarness({
  engine: { answer: () => Array<number>(100).fill(97), delayMs: 10 },
});
Deno.exit(
  await serve({
    fetch: (request, connection) => app.fetch(request, connection),
    engine,
    lifecycle,
    logger,
    host: "127.0.0.1",
    port: 0,
    drainMs: 10_000,
    stop: stopOnSignals(),
    onListen: (url) => console.log(url),
  }),
);
