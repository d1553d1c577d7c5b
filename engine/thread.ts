/** Starts the engine's thread, which loads its modules and waits for `startEngine`. */
export function openThread(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}
