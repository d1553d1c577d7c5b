export { isEntityTag } from "./answer.ts";
export { Bandwidth } from "./bandwidth.ts";
export { type BundleKind, extractBundle } from "./bundle.ts";
export { withDeadline } from "./deadline.ts";
export {
  type Downloadable,
  type Downloaded,
  Downloader,
  type DownloaderOptions,
  type DownloadOptions,
} from "./download.ts";
export { digestOf } from "./digest.ts";
export { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
export { FileSink, MemorySink, type Sink, writeError } from "./sink.ts";
