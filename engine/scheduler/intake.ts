import { WeftError } from "../core/errors.ts";
import type { SchedulerOptions } from "./options.ts";
import { BLOCK_SIZE, blocksFor, type SequenceSpec } from "./sequence.ts";

/**
 * Tokens, prompt and answer, that the request may reach; the last one drawn is never fed, so it
 * needs no place in the KV cache. Throws `invalid_request` for a request that could never run.
 */
export function maxLengthOf(spec: SequenceSpec, options: SchedulerOptions): number {
  const { id, promptTokens, maxTokens } = spec;
  const { maxModelLen, numBlocks } = options;
  const refuse = (reason: string) =>
    new WeftError("invalid_request", `Cannot queue request "${id}": ${reason}`);
  const prompt = promptTokens.length;
  if (prompt === 0) throw refuse("the prompt is empty, it needs at least one token");
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
    throw refuse(`maxTokens is ${maxTokens}, must be a whole number of 1 or more`);
  }
  if (prompt + 1 > maxModelLen) {
    throw refuse(`a prompt of ${prompt} tokens leaves no room in a context of ${maxModelLen}`);
  }
  if (blocksFor(prompt) > numBlocks) {
    throw refuse(`the prompt needs ${blocksFor(prompt)} KV blocks, there are ${numBlocks}`);
  }
  return Math.min(prompt + maxTokens, maxModelLen, numBlocks * BLOCK_SIZE + 1);
}

/** Throws `overloaded` when the queue has no room. Into an empty queue goes any one request. */
export function checkRoom(
  { id, promptTokens }: SequenceSpec,
  { waiting, options }: {
    waiting: { readonly size: number; readonly tokens: number };
    options: SchedulerOptions;
  },
): void {
  const { maxQueuedRequests, maxQueuedTokens } = options;
  const { size, tokens } = waiting;
  const fits = size === 0 || tokens + promptTokens.length <= maxQueuedTokens;
  if (fits && size < maxQueuedRequests) return;
  throw new WeftError(
    "overloaded",
    `Cannot queue request "${id}" of ${promptTokens.length} tokens: ${size} of at most ` +
      `${maxQueuedRequests} requests with ${tokens} of at most ${maxQueuedTokens} tokens wait`,
    { retryAfterSeconds: 1 },
  );
}
