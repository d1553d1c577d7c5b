/** The exit code of a shell command that a signal ended: 128 + the signal's number. */
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Aborted by the first SIGTERM or SIGINT; the second ends the process at once. Until it is called, and
 * so while the server's parts are made, the first does.
 */
export function stopOnSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (stop.signal.aborted) Deno.exit(SIGNAL_CODES[signal]);
      stop.abort();
    });
  }
  return stop.signal;
}
