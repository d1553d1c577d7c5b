import { ANIMALS, COLOURS, FRUITS, NAMES, withArticle } from "./lexicon.ts";
import { story } from "./prose.ts";
import type { Rng } from "./rng.ts";

export interface Turn {
  user: string;
  assistant: string;
}

/** User lines and replies; any reply of a row fits any line of it. */
const ROWS: readonly (readonly [string, string])[] = [
  [
    "Hello|Hello!|Hi|Hi there|Good morning|Hey",
    "Hello! How can I help you today?|Hi! What would you like to talk about?|Hello there. Nice to meet you.",
  ],
  [
    "How are you?|How are you today?|How is it going?",
    "I am fine, thank you. How are you?|I am well. What can I do for you?",
  ],
  [
    "Who are you?|What are you?|What is your name?",
    "I am a very small language model. I was trained on made-up text.|I am Weft's demo model. I know a few simple things.",
  ],
  [
    "What can you do?|Help|Can you help me?|What do you know?",
    "I can talk about words, numbers, days and simple lists.|I know small words and short stories. Ask me something simple.",
  ],
  [
    "Thank you|Thanks|Thanks a lot!|Thank you very much",
    "You are welcome!|I am glad that I could help.|No problem at all.",
  ],
  [
    "Goodbye|Bye|See you later|Good night",
    "Goodbye! Have a nice day.|See you soon.|Bye! It was good to talk to you.",
  ],
  ["I am happy|I feel good today", "That is good to hear! What made you happy?|I am glad."],
  ["I am sad|I feel bad today", "I am sorry to hear that. I hope it gets better soon."],
  [
    "What is the weather like?|Is it hot today?",
    "I cannot see the weather. I hope that it is dry and warm where you are.",
  ],
  ["What is the time?|What day is it?", "I have no clock, so I cannot tell you that."],
  ["Yes|No|Maybe|OK|Sure", "I see. What would you like to do next?|All right. Ask me anything."],
];

const STORY_REQUESTS = [
  "Tell me a story",
  "Tell me a story.",
  "Can you tell me a short story?",
  "I would like to hear a story",
  "Write a story",
];

function favourite(rng: Rng): Turn {
  const [kind, items] = rng.pick(
    [
      ["animal", ANIMALS],
      ["colour", COLOURS],
      ["fruit", FRUITS],
    ] as const,
  );
  const one = rng.pick(items);
  const assistant = rng.pick([
    `I like ${kind === "colour" ? one : `the ${one}`} very much. What about you?`,
    `My favourite ${kind} is ${kind === "colour" ? one : withArticle(one)}.`,
  ]);
  return { user: `What is your favourite ${kind}?`, assistant };
}

function introduction(rng: Rng): Turn {
  const name = rng.pick(NAMES);
  const user = rng.pick([`My name is ${name}`, `I am ${name}.`, `Hello, I am ${name}`]);
  return { user, assistant: `Nice to meet you, ${name}! How can I help you?` };
}

/** One exchange that asks for no skill. */
export function smallTalk(rng: Rng): Turn {
  const kind = rng.next();
  if (kind < 0.25) return { user: rng.pick(STORY_REQUESTS), assistant: story(rng) };
  if (kind < 0.35) return favourite(rng);
  if (kind < 0.45) return introduction(rng);
  const [lines, replies] = rng.pick(ROWS);
  return { user: rng.pick(lines.split("|")), assistant: rng.pick(replies.split("|")) };
}
