import { COMPOSITE_FILES, readSamples, type Sample, taskNames } from "../samples.ts";

/** What is asked: one task with an answer of its own length, or three with an answer of a fixed one. */
export const PROMPT_KINDS = ["task", "composite3"] as const;
export type PromptKind = typeof PROMPT_KINDS[number];

/** Prompts of both kinds, in an order in which neighbours are of different tasks. */
export class TimedPrompts {
  readonly #samples: Record<PromptKind, readonly Sample[]>;

  constructor(samples: Record<PromptKind, readonly Sample[]>) {
    this.#samples = samples;
  }

  static async read(folder: string): Promise<TimedPrompts> {
    const files = await Promise.all(
      (await taskNames(folder)).map((name) => readSamples(folder, name, Infinity)),
    );
    const most = Math.max(...files.map(({ length }) => length));
    return new TimedPrompts({
      task: Array.from({ length: most }, (_, i) => files.flatMap((file) => file.slice(i, i + 1)))
        .flat(),
      composite3: await readSamples(folder, COMPOSITE_FILES[1], Infinity),
    });
  }

  /** The same ones for every method of a round; of single tasks only those that the server has adapters for. */
  of(
    { prompts, answers, round }: { prompts: PromptKind; answers: number; round: number },
    adapters: readonly string[],
  ): Sample[] {
    const all = this.#samples[prompts]
      .filter(({ file }) => prompts !== "task" || adapters.includes(file));
    return Array.from({ length: answers }, (_, i) => all[(round * answers + i) % all.length]);
  }
}
