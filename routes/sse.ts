const encoder = new TextEncoder();

/** One server-sent event with a JSON payload. */
function frame(payload: object | string): Uint8Array {
  const data = typeof payload === "string" ? payload : JSON.stringify(payload);
  return encoder.encode(`data: ${data}\n\n`);
}

export interface SseOptions {
  /** A reader that takes nothing for so long counts as gone, in milliseconds. */
  maxStallMs: number;
  /** The payload that tells the client of an error in mid-stream; the stream ends after it. */
  onError: (error: unknown) => object;
  /** The client went away: make `chunks` end soon. */
  onCancel: () => void;
  /** The stream is over, however it ended, and `chunks` with it. */
  onEnd: () => Promise<void>;
}

/**
 * Chunks as OpenAI's event stream, ended by `[DONE]`. Each is asked for only when the connection can
 * take it, so a slow reader holds the source back instead of filling memory.
 */
export function sseResponse(chunks: AsyncGenerator<object, void>, options: SseOptions): Response {
  let cancelled = false;
  let stall: ReturnType<typeof setTimeout> | undefined;

  async function cancel(): Promise<void> {
    cancelled = true;
    clearTimeout(stall);
    options.onCancel();
    // A pull may be waiting in the source: what it throws there has been seen by that pull.
    await chunks.return().catch(() => {});
    await options.onEnd();
  }

  /** The next payload, and whether it is the last. */
  async function nextPayload(): Promise<{ payload: object | string; last: boolean }> {
    try {
      const next = await chunks.next();
      return { payload: next.done ? "[DONE]" : next.value, last: next.done ?? false };
    } catch (error) {
      return { payload: options.onError(error), last: true };
    }
  }

  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stall);
      const { payload, last } = await nextPayload();
      if (cancelled) return;
      controller.enqueue(frame(payload));
      // To enqueue is to write, and a write to a connection that is gone cancels within the call.
      if (cancelled) return;
      if (last) {
        controller.close();
        await options.onEnd();
        return;
      }
      stall = setTimeout(() => {
        controller.error(new Error("The client stopped reading"));
        cancel();
      }, options.maxStallMs);
    },
    cancel,
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Reverse proxies such as nginx would otherwise collect the stream.
      "x-accel-buffering": "no",
    },
  });
}
