import { Waiter } from "./waiter.ts";

/**
 * Seconds that the device takes for what `record` records once: many times less once, so that a submit and a wait
 * fall out, unless once is so long that these don't matter. Recording isn't timed.
 *
 * @param options.leastMs How much longer the many must take than the one, or the one by itself.
 * @param options.most Repetitions of one submission at most, where `record` wears something out.
 */
export async function secondsEach(
  device: GPUDevice,
  record: (pass: GPUComputePassEncoder, time: number) => void,
  { leastMs = 100, most = 2 ** 16 }: { leastMs?: number; most?: number } = {},
): Promise<number> {
  const waiter = await Waiter.open(device);
  const run = (times: number) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < times; i++) record(pass, i);
    pass.end();
    const commands = encoder.finish();
    return waiter.msOf(() => device.queue.submit([commands]));
  };
  let few = await run(1);
  if (few < leastMs) few = Math.min(await run(1), await run(1));
  if (few >= leastMs) {
    waiter.close();
    return few / 1000;
  }
  let times = 4;
  let many = await run(times);
  while (many - few < leastMs && 2 * times <= most) {
    times *= 2;
    many = await run(times);
  }
  waiter.close();
  return Math.max(many - few, 0) / (times - 1) / 1000;
}
