/** The engine as the rest of Weft sees it; everything behind runs in a worker. */
export { startEngine, type StartOptions } from "./client.ts";
export * from "./tokenizer/mod.ts";
