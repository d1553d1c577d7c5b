/** Archives that were made to do harm, and good ones that hold a real adapter. */
import { BAD, gzip, MAX_BYTES } from "../../adapters/download/archive_corpus.ts";
import { makeTar } from "../../adapters/download/tar_builder.ts";
import { makeZip } from "../../adapters/download/zip_builder.ts";
import { object } from "../../adapters/faults.ts";
import type { FaultServer } from "../../adapters/fault_server.ts";
import type { Content } from "../adapter_origin.ts";
import { type HostileCase, SECRET } from "./cases.ts";

/** What an adapter may take, as the corpus expects. */
export const MAX_DOWNLOAD = MAX_BYTES;

const ENDINGS = { zip: "zip", tar: "tar", "tar.gz": "tgz", safetensors: "safetensors" } as const;

/** Puts every bad archive of the corpus on an origin. */
export function badArchives(origin: FaultServer): HostileCase[] {
  return BAD.map(({ what, kind, bytes, reason }, i) => {
    const path = `/archive-${i}.${ENDINGS[kind]}`;
    origin.paths.set(path, object(bytes));
    return {
      what: `${what} (${kind})`,
      url: origin.url(`${path}?sig=${SECRET}`).href,
      code: reason!,
    };
  });
}

/** The URLs of one adapter, packed in each way. */
export function goodArchives(origin: FaultServer, { config, weights }: Content): string[] {
  const files = [
    { name: "a/adapter_config.json", data: config },
    { name: "a/adapter_model.safetensors", data: weights },
  ];
  const archives = { zip: makeZip(files), tar: makeTar(files), tgz: gzip(makeTar(files)) };
  return Object.entries(archives).map(([ending, bytes]) => {
    const path = `/good.${ending}`;
    origin.paths.set(path, object(bytes));
    return origin.url(`${path}?sig=${SECRET}`).href;
  });
}
