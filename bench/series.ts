/**
 * What a series measures in one round: a figure in its unit, or several of one measurement, which
 * are then kept as `series name/key`.
 */
export type Reading = number | Readonly<Record<string, number>>;

/** Something that is measured again and again, in turns with the others of its group. */
export interface Series {
  /** Parts between slashes: `decode/batch=8`. The group's name is put before it: `demo/decode/batch=8`. */
  name: string;
  /** Of every figure (`tokens/s`, `ms`, `s`, `MB`, `share`), or of each by key, or by what a key ends with. */
  unit: string | Readonly<Record<string, string>>;
  /** Counted rounds at most: for what happens once. */
  rounds?: number;
  /** Before the first round; what it takes isn't measured. */
  prepare?(): Promise<void>;
  /** One round. The runner's first call isn't counted: it compiles and fills caches. */
  round(): Promise<Reading>;
  /** After the last round, and after an error, even where `prepare` failed or was never called. */
  close?(): Promise<void>;
}

/** One figure over another of the same round. */
export interface Ratio {
  name: string;
  over: string;
  under: string;
}

/** Series that are measured in turns, so that a machine that slows down slows all of them. */
export interface SeriesGroup {
  name: string;
  /** In words, for people. */
  title: string;
  series: readonly Series[];
  /** Names as in the group's series, keys included. */
  ratios?: readonly Ratio[];
  /** What this machine is not asked to do, and why. */
  skipped?: readonly { name: string; why: string }[];
  /** After all series are closed. */
  close?(): Promise<void>;
}
