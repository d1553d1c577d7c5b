export { describeTargets, MAX_CONFIG_BYTES, parsePeftConfig, type PeftConfig } from "./config.ts";
export { type AdapterFiles, CONFIG_FILE, PICKLE_FILE, WEIGHTS_FILE } from "./files.ts";
export { type ParseOptions, parsePeftAdapter } from "./parse.ts";
export { MAX_WEIGHTS_HEADER_BYTES } from "./tensors.ts";
export { digestsOf, generationOf } from "./generation.ts";
