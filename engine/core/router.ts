import type { RouterCalibration } from "./routing.ts";
import type { TokenTable } from "./token_table.ts";

/** The router that is in place. */
export interface RouterInfo extends RouterCalibration {
  /** SHA-256 (hex) of its file. */
  generation: string;
  /** What its file says of itself. */
  version: string;
  /** Adapter names, one a class. */
  labels: readonly string[];
  /** Classes after those of the file, made from examples. */
  prototypes: readonly string[];
  /** It sees the last so many tokens of a text. */
  maxTokens: number;
  /** Size of its features; null: it takes no prototypes. */
  features: number | null;
  temperature: number;
}

/** A router's file and what it must fit. */
export interface RouterSource {
  file: Uint8Array<ArrayBuffer>;
  /** SHA-256 (hex) of the file. */
  generation: string;
}

/** The base's tokenizer as routing needs it. */
export interface RoutingVocabulary {
  /** `vocabularyHash` of the tokenizer: a router was trained for one. */
  hash: string;
  table: TokenTable;
}

/** What a class's name stands for now. */
export interface ClassTarget {
  /** The class: one of the router's labels or prototypes. */
  label: string;
  /** Content of that name as far as it is known; null: known once it has been fetched. */
  generation: string | null;
}

/** How well a class made from examples can be told from the others. */
export interface PrototypeFit {
  /** Share of the examples that the class wins. */
  won: number;
  /** Share of the router's own reference examples that it takes from their classes. */
  taken: number;
}
