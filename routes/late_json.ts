import { isFulfilledWithin } from "./patience.ts";

export interface LateJsonOptions {
  /** How long the response waits for the answer, in milliseconds. */
  patienceMs: number;
  /** The client went away: make the answer end soon. */
  onCancel: () => void;
  /** The response begins without its answer. */
  onLate: () => void;
}

/**
 * A response of JSON that is still being made. One that takes long begins without it; should it then
 * fail, the connection breaks. A failure before is thrown.
 */
export async function lateJsonResponse(
  answer: Promise<object>,
  { patienceMs, onCancel, onLate }: LateJsonOptions,
): Promise<Response> {
  if (await isFulfilledWithin(patienceMs, answer)) return Response.json(await answer);
  onLate();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      try {
        controller.enqueue(new TextEncoder().encode(JSON.stringify(await answer)));
        controller.close();
      } catch (error) {
        controller.error(error);
      }
    },
    cancel: onCancel,
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}
