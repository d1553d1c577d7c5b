/** Starts `worker_probe.ts` in a Worker and prints what it tells. */
const worker = new Worker(new URL("./worker_probe.ts", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => {
  console.log(JSON.stringify(data));
  worker.terminate();
};
