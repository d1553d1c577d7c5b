import type { Downloadable } from "../download/mod.ts";
import type { OriginRequest } from "../http/mod.ts";

/** An object as a listing shows it. */
export interface ListedObject {
  /** From the store's root, without a leading slash. */
  key: string;
  size: number;
  /** As the object's own answer would tell it: the ETag, quotes included. */
  etag: string;
}

/** How one kind of object storage names, signs and lists its objects: a bucket, a container, a host's folder. */
export interface ObjectStore {
  /** The object's URL for people; holds no secret. */
  locate(key: string): string;
  /** What asks for an object, with credentials; `headers` (ranges, conditions) are part of what is signed. */
  request(
    key: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<OriginRequest, "signal">>;
  /** Every object whose key begins with the prefix. Absent where nothing can be listed. */
  list?(prefix: string, signal: AbortSignal): AsyncIterable<ListedObject>;
}

/** An object of a store. */
export function objectAt(store: ObjectStore, key: string): Downloadable {
  return { location: store.locate(key), request: (headers) => store.request(key, headers) };
}
