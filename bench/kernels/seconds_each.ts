import { Waiter } from "./waiter.ts";

/**
 * Seconds that the device takes for what `record` records once: many times less few, so that a submit and a wait
 * fall out. Recording isn't timed.
 *
 * @param options.leastMs How much longer the many must take than the few.
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
  await run(1);
  const few = Math.min(await run(1), await run(1));
  let times = 4;
  let many = await run(times);
  while (many - few < leastMs && 2 * times <= most) {
    times *= 2;
    many = await run(times);
  }
  many = Math.min(many, await run(times));
  waiter.close();
  return Math.max(many - few, 0) / (times - 1) / 1000;
}
