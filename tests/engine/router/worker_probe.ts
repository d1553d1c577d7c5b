/// <reference lib="deno.worker" />
/** Run in a Worker: opens a router on this thread's device, runs it and tells its first logits. */
import { RouterSession } from "../../../engine/router/mod.ts";
import { download, upload } from "./gpu_arrays.ts";
import { tinyRouter } from "./tiny_router.ts";

const globals = () => [Object.hasOwn(globalThis, "location"), globalThis.Worker.name];
const before = globals();
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter!.requestDevice();
const session = await RouterSession.open(device, tinyRouter());
const input = {
  inputIds: upload(device, [1, 2, 3, 4]),
  attentionMask: upload(device, [1, 1, 1, 1]),
};
const output = await session.run(input, { rows: 1, sequence: 4 });
const logits = [...await download(device, output.logits, 3)];
// What onnxruntime prints about a bad graph would be printed now.
await RouterSession.open(device, tinyRouter((model) => model.nodes[6].inputs.pop())).catch(
  () => {},
);
await session.close();
device.destroy();
const kept = JSON.stringify(before) === JSON.stringify(globals());
(self as unknown as DedicatedWorkerGlobalScope).postMessage({ logits, kept });
