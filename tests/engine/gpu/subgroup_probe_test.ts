import assert from "node:assert/strict";
import { openGpu } from "../../../engine/gpu/mod.ts";
import { subgroupsAreConsecutive } from "../../../engine/gpu/subgroup_probe.ts";

Deno.test("the probe accepts the device's subgroup size and no other", async () => {
  const gpu = await openGpu();
  if (gpu.subgroupSize > 0) {
    assert.equal(await subgroupsAreConsecutive(gpu.device, gpu.subgroupSize), true);
    assert.equal(await subgroupsAreConsecutive(gpu.device, gpu.subgroupSize * 2), false);
    assert.equal(await subgroupsAreConsecutive(gpu.device, gpu.subgroupSize / 2), false);
  }
  gpu.buffers.destroy();
  gpu.device.destroy();
});

Deno.test("a device without subgroups is found out, and no error is left behind", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  let uncaptured = 0;
  device.addEventListener("uncapturederror", (event) => {
    uncaptured++;
    event.preventDefault();
  });
  assert.equal(await subgroupsAreConsecutive(device, 8), false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(uncaptured, 0);
  device.destroy();
});
