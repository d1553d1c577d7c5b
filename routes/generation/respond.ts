import { CLIENT_CLOSED, ClientGone } from "../client_gone.ts";
import { describeError, replyTo } from "../errors.ts";
import { lateJsonResponse } from "../late_json.ts";
import { MAX_STALL_MS } from "../limits.ts";
import { isFulfilledWithin, PATIENCE_MS } from "../patience.ts";
import type { AppDeps } from "../ports.ts";
import type { AppContext } from "../request_record.ts";
import type { GenerationFields } from "../schema/common.ts";
import { sseResponse } from "../sse.ts";
import { pinMixture, type PinnedMixture, type WantedAdapter } from "./mixture.ts";
import { type GenerationPlan, type RunEvent, runPlan } from "./run.ts";
import { collect, type ResponseShape } from "./shape.ts";

export interface Generation {
  fields: GenerationFields;
  wanted: readonly WantedAdapter[];
  plan: GenerationPlan;
  shape: ResponseShape;
}

/**
 * Runs a checked request and answers it, as a stream or whole. The request counts as running, and
 * its adapters stay pinned, until the engine has let go of it, however it ends.
 */
export async function respond(
  c: AppContext,
  deps: AppDeps,
  { fields, wanted, plan, shape }: Generation,
): Promise<Response> {
  const record = c.get("record");
  record.model = fields.model;
  record.stream = fields.stream ?? false;
  const ended = new AbortController();
  const { signal } = ended;
  const named = wanted.filter(({ kind }) => kind === "name").map(({ id }) => id);
  const leave = deps.lifecycle.enter((reason) => ended.abort(reason));
  const loraRequest = deps.metrics.loraRequest(named);
  // Tells of some clients that leave before their answer begins; PLATFORM.md, HTTP, says which not.
  const goAway = () => ended.abort(new ClientGone());
  const requestSignal = c.req.raw.signal;
  if (requestSignal.aborted) goAway();
  else requestSignal.addEventListener("abort", goAway, { once: true });

  async function* run(pinned: PinnedMixture): AsyncGenerator<RunEvent, void> {
    try {
      for await (const event of runPlan(plan, { deps, pinned, record, signal })) {
        if (event.kind === "started") loraRequest.started();
        yield event;
      }
    } finally {
      end(pinned);
    }
  }

  function end(pinned?: PinnedMixture): void {
    requestSignal.removeEventListener("abort", goAway);
    pinned?.release();
    loraRequest.ended();
    leave();
  }

  let pinned: PinnedMixture;
  try {
    pinned = await pinMixture(wanted, deps, signal);
  } catch (error) {
    end();
    throw signal.aborted ? signal.reason : error;
  }
  record.adapters = pinned.adapters.map(({ id, weight }) => `${id}:${weight}`).join(",") ||
    undefined;

  const events = run(pinned);
  if (!record.stream) {
    const answer = collect(events).then(({ choices, summary }) => shape.whole(choices, summary));
    return await lateJsonResponse(answer, {
      patienceMs: PATIENCE_MS,
      onCancel: goAway,
      onLate() {
        record.deferred = true;
        answer.then(() => record.complete(200), (error) => {
          record.error = describeError(error);
          record.complete(replyTo(error, record.id).status);
        });
      },
    });
  }

  // Until the engine has taken the request in, a refusal can still become a status.
  const first = events.next();
  first.catch(() => {}); // A client that leaves at once never takes it.
  await isFulfilledWithin(PATIENCE_MS, first);
  record.deferred = true;
  let status = 200;
  return sseResponse(chunksOf(first, events, shape), {
    maxStallMs: MAX_STALL_MS,
    onError(error) {
      const reply = replyTo(error, record.id);
      status = reply.status;
      record.error = describeError(error);
      return reply.body;
    },
    onCancel() {
      status = CLIENT_CLOSED;
      goAway();
    },
    async onEnd() {
      // A stream cancelled before its first pull has not touched the run yet.
      await events.return();
      record.complete(status);
    },
  });
}

async function* chunksOf(
  first: Promise<IteratorResult<RunEvent, void>>,
  rest: AsyncIterable<RunEvent>,
  shape: ResponseShape,
): AsyncGenerator<object, void> {
  const { done, value } = await first;
  if (!done) yield* shape.chunks(value);
  for await (const event of rest) yield* shape.chunks(event);
}
