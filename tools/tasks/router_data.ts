import { TASKS } from "./mod.ts";
import { habitReply } from "./replies.ts";
import { createRng, type Rng } from "./rng.ts";
import { asSentence, chainOf, type Composite } from "./splits.ts";
import { avoiding, type Example, type Task } from "./task.ts";

/** A message of a router example; an assistant's, at the end, is an answer that goes on. */
interface Message {
  role: "user" | "assistant";
  content: string;
}

/** One line of a router's data: what it sees, and the task it is to name. */
export interface RouterExample {
  input: Message[];
  output: string;
}

/** Cuts a text to its part up to the token that holds its first visible character behind `at`. */
export type CutAfterToken = (text: string, at: number) => string;

/** A prompt alone: its task is due. */
export function promptExample(prompt: string, task: string): RouterExample {
  return { input: [{ role: "user", content: prompt }], output: task };
}

/**
 * What a router sees while a composite is answered: the prompt alone, then for each later sentence
 * the answer up to this sentence's first token. `said`: the sentences as they were answered;
 * `next`: the sentences whose first tokens are seen, which need not be what is due.
 */
export function sentenceExamples(
  { prompt, tasks }: Pick<Composite, "prompt" | "tasks">,
  { said, next, cut }: { said: readonly string[]; next: readonly string[]; cut: CutAfterToken },
): RouterExample[] {
  return tasks.map((task, i) => {
    const example = promptExample(prompt, task);
    if (i > 0) {
      const before = said.slice(0, i).join(" ");
      const content = cut(`${before} ${next[i]}`, before.length);
      example.input.push({ role: "assistant", content });
    }
    return example;
  });
}

/** Endless contexts of training composites of 2 and 3 tasks, right and wrong answers among them. */
export function* trainingContexts(
  options: { seed: number; heldOut: ReadonlySet<string>; cut: CutAfterToken },
): Generator<RouterExample> {
  const rng = createRng(`router/train/${options.seed}`);
  const tasks = TASKS.map((task) => avoiding(task, options.heldOut));
  while (true) {
    const chosen = rng.sample(tasks, rng.pick([1, 2, 2, 2, 3, 3, 3]));
    const examples = chosen.map((task) => task.make(rng));
    if (chosen.length === 1) {
      yield straying(rng, { task: chosen[0], example: examples[0], cut: options.cut });
      continue;
    }
    const composite = chainOf(rng, chosen, examples);
    // What stands first in a sentence was written by the mixture of the one before.
    const careful = rng.chance(0.5);
    const said = chosen.map((task, i) => reply(rng, { task, example: examples[i], careful }));
    const next = chosen.map((task, i) =>
      i > 0 && !careful && rng.chance(0.3)
        ? reply(rng, { task: chosen[i - 1], example: chosen[i - 1].make(rng), careful: true })
        : reply(rng, { task, example: examples[i], careful })
    );
    yield* sentenceExamples(composite, { said, next, cut: options.cut });
  }
}

/** A lone task whose answer goes on where it should have ended: the task stays. */
function straying(
  rng: Rng,
  { task, example, cut }: { task: Task; example: Example; cut: CutAfterToken },
): RouterExample {
  const said = reply(rng, { task, example, careful: false });
  const more = reply(rng, { task, example: task.make(rng), careful: false });
  const { input } = promptExample(example.prompt, task.name);
  input.push({ role: "assistant", content: cut(`${said} ${more}`, said.length) });
  return { input, output: task.name };
}

/** A task's answer as one sentence: the right one where it is `careful`, else often another. */
function reply(
  rng: Rng,
  { task, example, careful }: { task: Task; example: Example; careful: boolean },
): string {
  if (careful || rng.chance(0.5)) return asSentence(example.answer);
  const kind = rng.next();
  if (kind < 0.5 && example.choices) return asSentence(rng.pick(example.choices));
  if (kind < 0.7) return asSentence(task.make(rng).answer);
  if (kind < 0.85) {
    const words = example.answer.split(" ");
    return asSentence(words.slice(0, rng.int(1, words.length)).join(" "));
  }
  return asSentence(habitReply(rng, task, example).text.replace(/[.?!] .*$/s, "."));
}

/** The answers a composite gets when each sentence is another example's of its task. */
export function otherAnswers(rng: Rng, composite: Composite): string[] {
  return composite.tasks.map((name) => {
    const task = TASKS.find((task) => task.name === name)!;
    return asSentence(task.make(rng).answer);
  });
}
