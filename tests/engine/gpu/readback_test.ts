import assert from "node:assert/strict";
import { openGpu, Readback, Recorder } from "../../../engine/gpu/mod.ts";

for (const quick of [true, false]) {
  Deno.test(`${quick ? "quick" : "slow"} reads bring what was written, in order, more than the ring holds`, async () => {
    const gpu = await openGpu();
    const recorder = new Recorder(gpu);
    const readback = await Readback.open(gpu, 48, { quick });
    // Where the quick way fails its self-test, both runs take the slow one.
    if (!quick) assert.equal(readback.quick, false);
    const a = gpu.buffers.storage("a", 16);
    const b = gpu.buffers.storage("b", 32);
    for (let round = 0; round < 20; round++) {
      gpu.device.queue.writeBuffer(a, 0, Uint32Array.of(round, 1, 2, 3));
      gpu.device.queue.writeBuffer(b, 16, Uint32Array.of(round + 100, 4, 5, 6));
      const [first, second] = await readback.read(recorder, [
        { buffer: a, bytes: 16 },
        { buffer: b, bytes: 32 },
      ]);
      assert.deepEqual([...new Uint32Array(first)], [round, 1, 2, 3]);
      assert.deepEqual([...new Uint32Array(second)], [0, 0, 0, 0, round + 100, 4, 5, 6]);
    }
    await assert.rejects(readback.read(recorder, [{ buffer: b, bytes: 64 }]), /the ring holds 48/);
    await readback.close();
    gpu.buffers.destroy();
    gpu.device.destroy();
  });
}
