/** What the life cycle needs of the disk cache and the registry, as narrowly as it uses them. */
import type { DiskCache, Staging } from "../disk/mod.ts";
import type { Registry } from "../registry/mod.ts";

/** A directory that a fetch fills; kept as a generation's content, or dropped. */
export type StagedContent = Pick<Staging, "path" | "keep" | "drop">;

export type DiskTier =
  & Pick<DiskCache, "has" | "generations" | "read" | "pin" | "unpin" | "remove" | "stats">
  & { stage(): Promise<StagedContent> };

export type NameRegistry = Pick<
  Registry,
  "rows" | "put" | "putAll" | "remove" | "removeAll" | "setting" | "setSetting"
>;
