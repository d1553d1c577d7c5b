import type { AdapterSource } from "../origin.ts";

/** Where a name's content comes from. Replaced as a whole, so that whoever works on one sees that it moved. */
export interface Target {
  /** Whole; may be secret. */
  readonly url: string;
  readonly source: AdapterSource;
  /** The content's generation, or its tensors' sha256, must be this. */
  readonly requiredSha256: string | null;
}

/** Content that was read and found good. */
export interface Content {
  readonly generation: string;
  /** At the present target's origin; null where that is unknown. */
  readonly version: string | null;
  readonly sha256: string;
  readonly rank: number;
  readonly bytes: number;
  readonly targetModules: string[];
}

/** What its fetches share with others: the host or bucket. */
export function hostOf({ source }: Target): string {
  return URL.parse(source.location)?.host ?? "";
}

export function meets(content: Content, requiredSha256: string | null): boolean {
  return requiredSha256 === null ||
    [content.generation, content.sha256].includes(requiredSha256);
}
