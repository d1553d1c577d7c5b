export { readRouterFile, type RouterFile } from "./router_file.ts";
export { vocabularyHash } from "./vocabulary_hash.ts";
