import assert from "node:assert/strict";
import { wallOf } from "../../../bench/kernels/wall.ts";
import { openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";

Deno.test("a gap is the host's time from a submission's results to the next submission", async () => {
  const gpu = await openGpu();
  const recorder = new Recorder(gpu);
  const readback = await Readback.open(gpu, 16);
  const buffer = gpu.buffers.storage("x", 16);
  const step = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await readback.read(recorder, [{ buffer, bytes: 16 }]);
  };
  const { ms, gapsMs } = await wallOf({ step }, 3, 1);
  assert.equal(gapsMs.length, 2);
  for (const gap of gapsMs) assert.ok(gap >= 15, `${gap} ms`);
  // The time before the first submission is no gap.
  assert.ok(gapsMs[0] + gapsMs[1] < 3 * ms);
  await readback.close();
  gpu.buffers.destroy();
  gpu.device.destroy();
});
