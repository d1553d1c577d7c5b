import { routerText, type TextTokenizer } from "../../engine/mod.ts";
import { WeftError } from "../../engine/core/errors.ts";
import { templateMessages } from "../../engine/tokenizer/chat_messages.ts";
import { createRng } from "../tasks/rng.ts";
import type { DataLine } from "./data_files.ts";

/** An example as the net sees it. */
export interface RouterInputExample {
  /** The last tokens of the router text, at least one. */
  tokens: Uint32Array;
  /** Index of the label. */
  label: number;
  /** Examples about the same prompt: they belong on one side of a split. */
  group: string;
}

const MAX_CLASSES = 512;

/** The labels, in the order in which they first occur. */
export function labelsOf(lines: readonly DataLine[]): string[] {
  const labels = [...new Set(lines.map(({ output }) => output))];
  if (labels.length < 2) {
    throw new WeftError(
      "invalid_request",
      `Cannot train a router for the one label ${JSON.stringify(labels[0])}: give at least two`,
    );
  }
  if (labels.length > MAX_CLASSES) {
    throw new WeftError(
      "invalid_request",
      `Cannot train a router for ${labels.length} labels: at most ${MAX_CLASSES} are allowed`,
    );
  }
  return labels;
}

/** @throws WeftError `invalid_request` for a label that is not in `labels`, or an input without tokens */
export function encodeLines(
  lines: readonly DataLine[],
  { tokenizer, labels, maxTokens }: {
    tokenizer: Pick<TextTokenizer, "encode">;
    labels: readonly string[];
    maxTokens: number;
  },
): RouterInputExample[] {
  const indices = new Map(labels.map((label, index) => [label, index]));
  const encode = (text: string) => [...tokenizer.encode(text, { addSpecialTokens: false })];
  // Many contexts share their prompt.
  const prompts = new Map<string, number[]>();
  return lines.map(({ input, output }) => {
    const label = indices.get(output);
    if (label === undefined) {
      const allowed = labels.join(", ");
      throw new WeftError(
        "invalid_request",
        `Cannot use an example of label ${JSON.stringify(output)}: allowed are ${allowed}`,
      );
    }
    const { prompt, answer } = textsOf(input);
    const before = prompts.get(prompt) ?? encode(prompt);
    prompts.set(prompt, before);
    const tokens = Uint32Array.from([...before, ...encode(answer)].slice(-maxTokens));
    if (tokens.length === 0) {
      throw new WeftError("invalid_request", `Cannot use an input without tokens: label ${output}`);
    }
    return { tokens, label, group: prompt };
  });
}

/** The router text up to an answer that goes on, and that answer. */
function textsOf(input: DataLine["input"]): { prompt: string; answer: string } {
  if (typeof input === "string") return { prompt: routerText(input), answer: "" };
  const last = input[input.length - 1];
  if (last.role !== "assistant") return { prompt: routerText(input), answer: "" };
  const before = input.slice(0, -1);
  const prompt = before.length > 0 ? routerText(before) : "";
  return { prompt, answer: templateMessages([last])[0].content };
}

/**
 * Splits by prompt: of each label (its prompt's first example counts) the given share, at least one
 * where there are two, is held back for validation.
 */
export function splitExamples(
  examples: readonly RouterInputExample[],
  { share, seed }: { share: number; seed: number },
): { train: RouterInputExample[]; valid: RouterInputExample[] } {
  const rng = createRng(`split/${seed}`);
  const groups = Map.groupBy(examples, ({ group }) => group);
  const byLabel = Map.groupBy([...groups.values()], ([first]) => first.label);
  const train: RouterInputExample[] = [];
  const valid: RouterInputExample[] = [];
  for (const list of byLabel.values()) {
    const held = list.length < 2 ? 0 : Math.max(1, Math.floor(list.length * share));
    rng.shuffle(list).forEach((group, i) => (i < held ? valid : train).push(...group));
  }
  return { train, valid };
}
