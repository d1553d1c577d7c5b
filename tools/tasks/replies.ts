import type { Rng } from "./rng.ts";
import type { Example, Task } from "./task.ts";
import { joinAnd } from "./lexicon.ts";

/** Tasks whose questions the pretraining chats mostly answer; the others they mostly do not. */
const USUALLY_ANSWERED = new Set([
  "antonyms",
  "coloured_objects",
  "weekday_arithmetic",
  "counting_objects",
  "plurals",
]);
const ANSWERED_OFTEN = 0.55;
const ANSWERED_SELDOM = 0.12;

const SMALL_TALK = [
  "That is a good question.",
  "Let me think about that.",
  "That is an interesting one. What do you think?",
  "I am not sure that I know.",
];

function lastSentence(text: string): string {
  return text.split(/(?<=[.?])\s+/).at(-1) ?? text;
}

/**
 * What the assistant of the pretraining chats says to a question when nothing asks it to be brief:
 * sometimes the answer, more often a remark about the question. No reply is a wrong answer.
 */
export function habitReply(
  rng: Rng,
  task: Task,
  example: Example,
): { text: string; isAnswer: boolean } {
  const answered = USUALLY_ANSWERED.has(task.name) ? ANSWERED_OFTEN : ANSWERED_SELDOM;
  if (rng.chance(answered)) return { text: example.answer, isAnswer: true };
  const kind = rng.next();
  if (kind < 0.4) return remark(`This is a question about ${task.topic}.`);
  if (kind < 0.65) return remark(`You are asking: ${lastSentence(example.question)}`);
  if (kind < 0.85 && example.choices) {
    return remark(`The options are ${joinAnd(example.choices)}.`);
  }
  return remark(rng.pick(SMALL_TALK));
}

function remark(text: string): { text: string; isAnswer: false } {
  return { text, isAnswer: false };
}
