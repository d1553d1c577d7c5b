/** The process: the engine's thread first, which loads its modules while this one loads the rest. */
import { openThread } from "./engine/thread.ts";

if (import.meta.main) {
  const thread = openThread();
  const { main } = await import("./server.ts");
  Deno.exit(await main(Deno.args, thread));
}
