import type { RegistryRow } from "../../../adapters/registry/mod.ts";

/** A row of an adapter that was read; `changes` replace its fields. */
export function registryRow(changes: Partial<RegistryRow> = {}): RegistryRow {
  return {
    name: "sql",
    url: "s3://bucket/adapters/sql",
    owner: "api",
    place: null,
    generation: hex("a"),
    version: '"e1" "e2"',
    sha256: hex("b"),
    rank: 16,
    bytes: 13_000_000,
    targetModules: ["q_proj", "v_proj"],
    pinned: false,
    requiredSha256: null,
    examples: null,
    deleted: false,
    ...changes,
  };
}

/** 64 times the same digit. */
export function hex(digit: string): string {
  return digit.repeat(64);
}
