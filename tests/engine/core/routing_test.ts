import assert from "node:assert/strict";
import { DEFAULT_ROUTING, routingOptions } from "../../../engine/core/routing.ts";

Deno.test("without anything given the options are the defaults", () => {
  assert.deepEqual(routingOptions(), DEFAULT_ROUTING);
});

Deno.test("a router's calibration stands in for what was not given", () => {
  const calibration = { topP: 0.83, minConfidence: 0.2 };
  const calibrated = routingOptions({ mode: "uniform" }, calibration);
  assert.deepEqual([calibrated.p, calibrated.minConfidence], [0.83, 0.2]);
  const given = routingOptions({ p: 0, minConfidence: 0, hysteresis: 0 }, calibration);
  assert.deepEqual([given.p, given.minConfidence, given.hysteresis], [0, 0, 0]);
});

Deno.test("the modes that the calibration was not made for have a p of their own", () => {
  const calibration = { topP: 0.83, minConfidence: 0.2 };
  assert.equal(routingOptions({ mode: "softmax-of-probs" }, calibration).p, 0.6);
  assert.equal(routingOptions({ mode: "threshold" }, calibration).p, 0.1);
  assert.equal(routingOptions({ mode: "threshold", p: 0.3 }, calibration).p, 0.3);
});
