import assert from "node:assert/strict";
import { LoraRequests } from "../../routes/lora_requests.ts";

Deno.test("a request's adapters wait, then run, then are gone; each name is told once", () => {
  const requests = new LoraRequests();
  const names = ["b", "a"];
  const [one, two] = [requests.enter(names), requests.enter(names)];
  assert.deepEqual([requests.waiting, requests.running], [["a", "b"], []]);
  one.started();
  one.started();
  assert.deepEqual([requests.waiting, requests.running], [["a", "b"], ["a", "b"]]);
  two.ended();
  assert.deepEqual([requests.waiting, requests.running], [[], ["a", "b"]]);
  one.ended();
  one.started();
  one.ended();
  assert.deepEqual([requests.waiting, requests.running], [[], []]);
});
