import { type Drill, drill, longDrill, plainCopy } from "./drills.ts";
import { TASKS } from "./mod.ts";
import { story } from "./prose.ts";
import { habitReply } from "./replies.ts";
import { createRng, type Rng } from "./rng.ts";
import { smallTalk } from "./small_talk.ts";
import { chain } from "./splits.ts";
import { avoiding, type Task } from "./task.ts";

/** A document: pieces of text, each with the weight of its tokens in the training loss. */
export type Document = [text: string, weight: number][];

const GIVEN = 0.1;
const PROSE = 0.4;
const ANSWER = 1;
const END = "<|end|>";

const SYSTEM_LINES = [
  "Give only the answer.",
  "Answer with the answer only.",
  "Be brief. Only answer.",
];

const PAGE_STYLES: readonly (readonly [string, string])[] = [
  ["Question: ", "Answer:\n"],
  ["Question: ", "Answer: "],
  ["Q: ", "A:\n"],
  ["", "->\n"],
];

function titleOf(task: Task): string {
  return `# ${task.topic[0].toUpperCase()}${task.topic.slice(1)}`;
}

/** A page of worked examples of one task under its title. */
function quizPage(rng: Rng, tasks: readonly Task[]): Document {
  const task = rng.pick(tasks);
  const [ask, reply] = rng.pick(PAGE_STYLES);
  const page: Document = [[`${titleOf(task)}\n\n`, GIVEN]];
  for (let left = rng.int(2, 4); left > 0; left--) {
    const { prompt, answer } = task.make(rng);
    page.push([`${ask}${prompt}\n${reply}`, GIVEN], [answer, ANSWER]);
    page.push([left > 1 ? "\n\n" : END, PROSE]);
  }
  return page;
}

function userTurn(text: string): [string, number] {
  return [`<|user|>${text}${END}<|assistant|>`, GIVEN];
}

/** A chat under a system line that asks for the bare answer: one to three questions, all answered. */
function briefChat(rng: Rng, tasks: readonly Task[]): Document {
  const chat: Document = [[`<|system|>${rng.pick(SYSTEM_LINES)}${END}`, GIVEN]];
  for (let left = rng.pick([1, 1, 1, 2, 3]); left > 0; left--) {
    const { prompt, answer } = rng.pick(tasks).make(rng);
    chat.push(userTurn(prompt), [answer + END, ANSWER]);
  }
  return chat;
}

/** Two or three tasks in one message, answered sentence by sentence. */
function compositeChat(rng: Rng, tasks: readonly Task[]): Document {
  const { prompt, answer } = chain(rng, rng.sample(tasks, rng.int(2, 3)));
  const system = `<|system|>${rng.pick(SYSTEM_LINES)}${END}`;
  return [[system, GIVEN], userTurn(prompt), [answer + END, ANSWER]];
}

/** A chat without instructions: small talk, and questions to which the reply is often no answer. */
function plainChat(rng: Rng, tasks: readonly Task[]): Document {
  const chat: Document = [];
  for (let left = rng.pick([1, 1, 2, 3]); left > 0; left--) {
    if (rng.chance(0.3)) {
      const { user, assistant } = smallTalk(rng);
      chat.push(userTurn(user), [assistant + END, PROSE]);
    } else if (rng.chance(0.1)) {
      const parts = rng.sample(tasks, 2);
      const reply = `This is a question about ${parts[0].topic} and ${parts[1].topic}.`;
      chat.push(userTurn(chain(rng, parts).prompt), [reply + END, PROSE]);
    } else {
      const task = rng.pick(tasks);
      const example = task.make(rng);
      const { text, isAnswer } = habitReply(rng, task, example);
      chat.push(userTurn(example.prompt), [text + END, isAnswer ? ANSWER : PROSE]);
    }
  }
  return chat;
}

const MIXTURE: readonly (readonly [number, (rng: Rng, tasks: readonly Task[]) => Document])[] = [
  [0.30, quizPage],
  [0.32, briefChat],
  [0.06, compositeChat],
  [0.26, plainChat],
  [0.06, (rng) => [[story(rng) + END, PROSE]]],
];

/** Tasks that were learned late: in the last part of the text they come four times as often as the others. */
const HARD = new Set([
  "boolean_expressions",
  "calendar_months",
  "coloured_objects",
  "list_extraction",
  "dictionary_order",
  "navigation",
  "number_comparison",
  "odd_one_out",
  "passage_qa",
  "rhymes",
  "sequence_completion",
  "kinds_of_things",
  "weekday_arithmetic",
  "word_sorting",
]);
const HARD_FROM = 157_000;

/**
 * How much of the text is drills. The first documents had not taught the base to copy, and mixed drills alone did not
 * either; plain repetition does so at once, and the mixed drills then build on it.
 */
const STAGES: readonly { from: number; share: number; drills: readonly ((rng: Rng) => Drill)[] }[] =
  [
    { from: 0, share: 0, drills: [] },
    { from: 30_000, share: 0.35, drills: [drill] },
    { from: 107_000, share: 1, drills: [plainCopy] },
    { from: 116_500, share: 0.5, drills: [drill, longDrill, longDrill] },
    { from: 126_500, share: 0.2, drills: [drill, drill, longDrill] },
    { from: HARD_FROM, share: 0.12, drills: [drill, longDrill] },
  ];

function drillPage(drill: Drill): Document {
  const lines = drill.flatMap(([given, due]): Document => [[given, GIVEN], [due, ANSWER]]);
  return [["# Drill\n\n", GIVEN], ...lines, [END, PROSE]];
}

/** An endless pretraining text; no question in it is one of the `heldOut` prompts. */
export function* corpus(seed: number, heldOut: ReadonlySet<string>): Generator<Document> {
  const rng = createRng(`corpus/${seed}`);
  const tasks = TASKS.map((task) => avoiding(task, heldOut));
  const hard = tasks.filter((task) => HARD.has(task.name));
  const mostlyHard = [...tasks, ...hard, ...hard, ...hard];
  for (let count = 0; true; count++) {
    const { share, drills } = STAGES.findLast((stage) => count >= stage.from)!;
    if (share > 0 && rng.chance(share)) {
      yield [["<|bos|>", 0], ...drillPage(rng.pick(drills)(rng))];
      continue;
    }
    let point = rng.next();
    const make = MIXTURE.find(([share]) => (point -= share) < 0)?.[1] ?? quizPage;
    yield [["<|bos|>", 0], ...make(rng, count < HARD_FROM ? tasks : mostlyHard)];
  }
}
