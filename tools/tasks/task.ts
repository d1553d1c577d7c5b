import type { Rng } from "./rng.ts";

/** One question with its only right answer. */
export interface Example {
  /** The whole user message, options included. */
  prompt: string;
  /** The prompt without its options. */
  question: string;
  answer: string;
  /** The options in the order shown; only multiple choice has them. */
  choices?: string[];
}

export interface Task {
  name: string;
  kind: "choice" | "qa";
  /** A short noun phrase: what the question is about. */
  topic: string;
  /** Paraphrases of the question; `{name}` marks a slot. */
  templates: readonly string[];
  make(rng: Rng): Example;
}

export type Slots = Record<string, string | number>;

export interface ChoiceDraw {
  slots: Slots;
  answer: string | number;
  /** Wrong options; those equal to the answer or to each other are dropped. */
  wrong: readonly (string | number)[];
  /** Draws only from these templates (indices), when the question fits no others. */
  templates?: readonly number[];
}

export interface QaDraw {
  slots: Slots;
  answer: string;
}

const OPTION_HEADERS = ["Options:", "Choices:", "Choose one:", "Pick one:"];
const MAX_WRONG = 3;

/** Replaces every `{slot}`; a slot without a value is an error. */
export function fill(template: string, slots: Slots): string {
  return template.replace(/\{(\w+)\}/g, (_, slot: string) => {
    if (!(slot in slots)) throw new Error(`Template "${template}" has no value for "${slot}"`);
    return String(slots[slot]);
  });
}

type Head = Pick<Task, "name" | "topic" | "templates">;

/** A multiple-choice task: the options stand one a line under the question, and the answer is the text of one. */
export function choiceTask(head: Head, draw: (rng: Rng) => ChoiceDraw): Task {
  function make(rng: Rng): Example {
    const { slots, answer, wrong, templates } = draw(rng);
    const template = templates ? head.templates[rng.pick(templates)] : rng.pick(head.templates);
    const question = fill(template, slots);
    const right = String(answer);
    const others = new Set(wrong.map(String).filter((option) => option !== right));
    const choices = rng.shuffle([right, ...[...others].slice(0, MAX_WRONG)]);
    const prompt = [question, rng.pick(OPTION_HEADERS), ...choices].join("\n");
    return { prompt, question, answer: right, choices };
  }
  return { ...head, kind: "choice", make };
}

/** A question-answering task: the answer is free text. */
export function qaTask(head: Head, draw: (rng: Rng) => QaDraw): Task {
  function make(rng: Rng): Example {
    const { slots, answer } = draw(rng);
    const question = fill(rng.pick(head.templates), slots);
    return { prompt: question, question, answer };
  }
  return { ...head, kind: "qa", make };
}

/** The same task, but it never makes one of the given prompts. */
export function avoiding(task: Task, prompts: ReadonlySet<string>): Task {
  function make(rng: Rng): Example {
    const example = task.make(rng);
    return prompts.has(example.prompt) ? make(rng) : example;
  }
  return { ...task, make };
}
