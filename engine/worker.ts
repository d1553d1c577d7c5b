/// <reference lib="deno.worker" />
import { WeftError } from "./core/errors.ts";
import { EngineLoop } from "./engine_loop.ts";
import { type FromWorker, toErrorMessage, type ToWorker } from "./protocol.ts";

/**
 * The engine's thread. Reading from the GPU blocks its thread (docs/PLATFORM.md), so the GPU, the
 * scheduler and the step loop live here, and the main thread stays free.
 */
const scope = self as unknown as DedicatedWorkerGlobalScope;
const send = (message: FromWorker) => scope.postMessage(message);
let loop: EngineLoop | null = null;

scope.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  try {
    if (data.kind === "start") {
      loop = await EngineLoop.open(data.options, send);
      send({ kind: "ready", info: loop.info });
      await loop.run();
      // The client ends this thread, or leaves it to the end of the process.
      send({ kind: "closed" });
    } else if (loop) {
      loop.handle(data);
    } else {
      throw new WeftError("internal", `Cannot handle "${data.kind}" before the engine started`);
    }
  } catch (error) {
    send({ kind: "lost", error: toErrorMessage(error) });
  }
};
