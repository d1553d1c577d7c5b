import { Limiter } from "../../adapters/limiter.ts";
import type { Sent } from "./closed_loop.ts";

/** Requests that arrive whatever the earlier ones do. */
export interface Arrivals {
  requests: number;
  /** A second, on average. */
  rate: number;
  /** Open at a time at most: what arrives beyond waits, first come, first served. */
  maxOpen: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

/** An open loop: requests arrive as in a Poisson process and are sent then, or as soon as they may. */
export async function poissonLoad<Answer>(
  ask: () => Promise<Answer>,
  { requests, rate, maxOpen, random }: Arrivals,
): Promise<Sent<Answer>[]> {
  const open = new Limiter(maxOpen);
  const start = performance.now();
  const sent: Promise<Sent<Answer>>[] = [];
  for (const ms of arrivalTimes({ requests, rate, random })) {
    // What has come late is still due when it was due: else a slow process would lower its own load.
    await until(start + ms);
    const sending = open.run(() => send(ask, start + ms));
    sending.catch(() => {}); // Told below, once all have been sent.
    sent.push(sending);
  }
  return await Promise.all(sent);
}

/**
 * Milliseconds from the start at which requests arrive: gaps are exponential, and scaled so that the last
 * arrives when the rate says, whatever the draw: few requests would else be another load each time.
 */
export function arrivalTimes(
  { requests, rate, random }: Pick<Arrivals, "requests" | "rate" | "random">,
): number[] {
  let sum = 0;
  const times = Array.from({ length: requests }, () => sum += exponential(random()));
  return times.map((time) => time / sum * 1000 * requests / rate);
}

/** With the mean 1, of a uniform number below 1. */
export function exponential(uniform: number): number {
  return -Math.log(1 - uniform);
}

async function send<Answer>(
  ask: () => Promise<Answer>,
  arrivedAt: number,
): Promise<Sent<Answer>> {
  const sentAt = performance.now();
  const answer = await ask();
  return { arrivedAt, sentAt, doneAt: performance.now(), answer };
}

async function until(at: number): Promise<void> {
  const ms = at - performance.now();
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
