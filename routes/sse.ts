const encoder = new TextEncoder();

/** One server-sent event with a JSON payload. */
function frame(payload: object | string): Uint8Array {
  const data = typeof payload === "string" ? payload : JSON.stringify(payload);
  return encoder.encode(`data: ${data}\n\n`);
}

export interface SseOptions {
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
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let next: IteratorResult<object, void>;
      try {
        next = await chunks.next();
      } catch (error) {
        const payload = options.onError(error);
        if (cancelled) return;
        controller.enqueue(frame(payload));
        controller.close();
        await options.onEnd();
        return;
      }
      if (cancelled) return;
      controller.enqueue(frame(next.done ? "[DONE]" : next.value));
      if (!next.done) return;
      controller.close();
      await options.onEnd();
    },
    async cancel() {
      cancelled = true;
      options.onCancel();
      // A pull may be waiting in the source: what it throws there has been seen by that pull.
      await chunks.return().catch(() => {});
      await options.onEnd();
    },
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
