/**
 * How long a response waits for what it is to say, in milliseconds, so that a failure still becomes
 * a status. Then it begins: Deno tells of a client that left only while it is being answered
 * (PLATFORM.md, HTTP).
 */
export const PATIENCE_MS = 3000;

/** Whether the promise is fulfilled within the time. Throws what it throws within it. */
export async function isFulfilledWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => timeout.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
