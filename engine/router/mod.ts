export { readRouterFile, type RouterFile } from "./router_file.ts";
export { vocabularyHash } from "./vocabulary_hash.ts";
export { type RouterInput, type RouterOutput, RouterSession } from "./router_session.ts";
