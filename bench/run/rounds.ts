import { messageOf } from "../../engine/core/errors.ts";
import type { Reading, Series, SeriesGroup } from "../series.ts";
import { rotated } from "./turns.ts";

/** A series' figures, one a round; the name begins with the group's. */
export interface Measured {
  name: string;
  unit: string;
  values: number[];
}

/** What wasn't measured, and why. */
export interface Skipped {
  name: string;
  why: string;
  /** It was tried and threw. */
  failed?: boolean;
}

export interface GroupResult {
  series: Measured[];
  skipped: Skipped[];
}

export interface RoundOptions {
  /** Counted rounds at most. */
  rounds: number;
  /** Time that the counted rounds of one series may take, by what its first took. */
  budgetSeconds: number;
  /** By `now`: nothing begins behind it, but for a series' first counted round. */
  deadlineMs?: number;
  /** Told before each round of each series; round 0 isn't counted. */
  onTurn?(name: string, round: number): void;
  now?(): number;
}

/** The first round opens and compiles: one that is longer than its time by less than this gets a second try. */
const OPENING = 4;

interface Runner {
  series: Series;
  name: string;
  /** By key; plain figures have the key "". */
  values: Map<string, number[]>;
  rounds: number;
  skipped: Omit<Skipped, "name"> | null;
}

/**
 * Measures a group: each series once or twice uncounted, which tells how many rounds it has time for, then
 * round after round in turns. What throws or takes too long is skipped, and the others go on.
 */
export async function measureGroup(
  group: SeriesGroup,
  options: RoundOptions,
): Promise<GroupResult> {
  const { rounds, budgetSeconds, deadlineMs = Infinity, onTurn } = options;
  const now = options.now ?? (() => performance.now());
  const runners: Runner[] = group.series.map((series) => ({
    series,
    name: `${group.name}/${series.name}`,
    values: new Map(),
    rounds: Math.min(rounds, series.rounds ?? rounds),
    skipped: null,
  }));
  try {
    for (const runner of runners) {
      if (now() > deadlineMs) {
        runner.skipped = { why: "the time of --quick was over" };
        continue;
      }
      onTurn?.(runner.name, 0);
      await attempt(runner, async () => {
        await runner.series.prepare?.();
        const timed = async () => {
          const start = now();
          await runner.series.round();
          return (now() - start) / 1000;
        };
        let seconds = await timed();
        const mayBeOpening = seconds > budgetSeconds && seconds < OPENING * budgetSeconds;
        if (mayBeOpening && now() < deadlineMs) seconds = await timed();
        limitRounds(runner, { seconds, budgetSeconds });
      });
    }
    for (let round = 0; round < rounds; round++) {
      for (const runner of rotated(runners, round)) {
        if (runner.skipped || round >= runner.rounds) continue;
        if (round > 0 && now() > deadlineMs) continue;
        onTurn?.(runner.name, round + 1);
        await attempt(runner, async () => keep(runner, await runner.series.round()));
      }
    }
  } finally {
    for (const { series } of runners) await series.close?.();
    await group.close?.();
  }
  return {
    series: runners.filter(({ skipped }) => !skipped).flatMap(measured),
    skipped: [
      ...(group.skipped ?? []).map(({ name, why }) => ({ name: `${group.name}/${name}`, why })),
      ...runners.flatMap(({ name, skipped }) => skipped ? [{ name, ...skipped }] : []),
    ],
  };
}

async function attempt(runner: Runner, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    runner.skipped = { why: `failed: ${messageOf(error)}`, failed: true };
  }
}

function limitRounds(
  runner: Runner,
  { seconds, budgetSeconds }: { seconds: number; budgetSeconds: number },
): void {
  const most = Math.floor(budgetSeconds / seconds);
  if (most >= 1) {
    runner.rounds = Math.min(runner.rounds, most);
    return;
  }
  runner.skipped = {
    why: `a round takes ${Math.ceil(seconds)} s, and a series has ${budgetSeconds} s (--budget)`,
  };
}

function keep({ values }: Runner, reading: Reading): void {
  const figures = typeof reading === "number" ? { "": reading } : reading;
  for (const [key, value] of Object.entries(figures)) {
    if (!Number.isFinite(value)) throw new Error(`${key || "the figure"} is ${value}`);
    values.set(key, [...values.get(key) ?? [], value]);
  }
}

function measured({ series: { unit }, name, values }: Runner): Measured[] {
  return [...values].map(([key, values]) => ({
    name: key === "" ? name : `${name}/${key}`,
    unit: typeof unit === "string" ? unit : unit[key] ?? unit[key.split("/").at(-1)!],
    values,
  }));
}
