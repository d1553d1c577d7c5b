import { clearImmediate, setImmediate } from "node:timers";

/**
 * Whether `work`, just started, ends before the event loop turns once, so without a read from the
 * GPU, a timer or a message in it. Its failure counts as an end and is left to who awaits it.
 */
export async function endsWithoutWaiting(work: Promise<unknown>): Promise<boolean> {
  const turn = Promise.withResolvers<boolean>();
  const immediate = setImmediate(() => turn.resolve(false));
  try {
    return await Promise.race([work.then(() => true, () => true), turn.promise]);
  } finally {
    clearImmediate(immediate);
  }
}
