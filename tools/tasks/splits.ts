import { TASKS } from "./mod.ts";
import { createRng, type Rng } from "./rng.ts";
import { avoiding, type Example, type Task } from "./task.ts";

/** Two or three tasks chained in one prompt, answered one sentence a task, in order. */
export interface Composite {
  prompt: string;
  answer: string;
  tasks: string[];
  answers: string[];
}

const JOINERS = [
  (parts: string[]) => parts.join("\n\n"),
  (parts: string[]) => parts.map((part, i) => `${i === 0 ? "First:" : "Then:"} ${part}`).join("\n"),
  (parts: string[]) => parts.map((part, i) => `Question ${i + 1}: ${part}`).join("\n"),
];

const MAX_DRAWS_PER_EXAMPLE = 50;

/** Draws `count` examples with different prompts, none of them in `taken`; adds their prompts to it. */
function drawUnique<T extends { prompt: string }>(
  draw: () => T,
  options: { count: number; taken: Set<string>; what: string },
): T[] {
  const { count, taken, what } = options;
  const drawn: T[] = [];
  for (let tries = 0; drawn.length < count; tries++) {
    if (tries > count * MAX_DRAWS_PER_EXAMPLE) {
      throw new Error(`Cannot draw ${count} different prompts of ${what}: found ${drawn.length}`);
    }
    const example = draw();
    if (taken.has(example.prompt)) continue;
    taken.add(example.prompt);
    drawn.push(example);
  }
  return drawn;
}

/** The held-out and the training examples of a task; no prompt is in both. */
export function splitTask(
  task: Task,
  options: { seed: number; train: number; test: number },
): { train: Example[]; test: Example[] } {
  const taken = new Set<string>();
  function part(name: "test" | "train", count: number): Example[] {
    const rng = createRng(`${task.name}/${name}/${options.seed}`);
    const what = `${task.name} (${name})`;
    return drawUnique(() => task.make(rng), { count, taken, what });
  }
  const test = part("test", options.test);
  return { test, train: part("train", options.train) };
}

/** An answer as a sentence of its own. */
export function asSentence(answer: string): string {
  return /[.!?]$/.test(answer) ? answer : `${answer}.`;
}

/** Chains examples of different tasks, of the given ones or of any. */
export function chain(rng: Rng, tasks: readonly Task[]): Composite {
  return chainOf(rng, tasks, tasks.map((task) => task.make(rng)));
}

/** Chains these examples, one of each task. */
export function chainOf(
  rng: Rng,
  tasks: readonly Task[],
  examples: readonly Example[],
): Composite {
  const answers = examples.map((example) => asSentence(example.answer));
  return {
    prompt: rng.pick(JOINERS)(examples.map((example) => example.prompt)),
    answer: answers.join(" "),
    tasks: tasks.map((task) => task.name),
    answers,
  };
}

/** Composite examples of `size` tasks each; the training part uses none of the `heldOut` prompts. */
export function splitComposites(
  size: number,
  options: { seed: number; train: number; test: number; heldOut: ReadonlySet<string> },
): { train: Composite[]; test: Composite[] } {
  const taken = new Set<string>();
  function part(name: "test" | "train", count: number): Composite[] {
    const rng = createRng(`composite${size}/${name}/${options.seed}`);
    const tasks = name === "test" ? TASKS : TASKS.map((task) => avoiding(task, options.heldOut));
    const draw = () => chain(rng, rng.sample(tasks, size));
    return drawUnique(draw, { count, taken, what: `composites of ${size} (${name})` });
  }
  const test = part("test", options.test);
  return { test, train: part("train", options.train) };
}
