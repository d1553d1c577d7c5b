export { paddedLength, paddedLengths } from "./padding.ts";
export { readRouterFile, type RouterFile } from "./router_file.ts";
export {
  type RouterInput,
  type RouterOutput,
  RouterSession,
  type RouterShape,
} from "./router_session.ts";
