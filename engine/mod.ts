/** The engine as the rest of Weft sees it; everything behind `startEngine` runs in a worker. */
export { startEngine, type StartOptions } from "./client.ts";
export type { ClassLease } from "./router_client.ts";
export { readModelConfig, resolveModel } from "./loader/mod.ts";
export * from "./tokenizer/mod.ts";
