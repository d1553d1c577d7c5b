import { CHAT_ROLES, type ChatMessage } from "../../engine/mod.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";

/** One line of a router's data. */
export interface DataLine {
  /** A text, or a chat; where its last message is the assistant's, that answer still goes on. */
  input: string | ChatMessage[];
  output: string;
}

const MAX_LABEL = 256;

/**
 * Reads a `.jsonl` file, or every one directly in a folder, in the order of their names.
 * @throws WeftError `invalid_request` naming the file and line of the first that is no `DataLine`
 */
export function readData(path: string): DataLine[] {
  const files = dataFiles(path);
  const lines = files.flatMap((file) => parseLines(readText(file), file));
  if (lines.length === 0) throw bad(`Cannot use "${path}": it holds no example`);
  return lines;
}

function dataFiles(path: string): string[] {
  try {
    if (!Deno.statSync(path).isDirectory) return [path];
    const names = [...Deno.readDirSync(path)].map(({ name }) => name);
    const files = names.filter((name) => name.endsWith(".jsonl")).sort();
    if (files.length === 0) throw bad(`Cannot use folder "${path}": no file in it ends in .jsonl`);
    return files.map((name) => `${path}/${name}`);
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw bad(`Cannot read "${path}": ${messageOf(error)}`);
  }
}

function readText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(file));
  } catch (error) {
    throw bad(`Cannot read "${file}": ${messageOf(error)}`);
  }
}

/** `file`: for messages. Empty lines are left out. */
export function parseLines(text: string, file: string): DataLine[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const why = (problem: string) => bad(`Cannot use line ${index + 1} of "${file}": ${problem}`);
    let value;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw why(`it is no JSON: ${messageOf(error)}`);
    }
    const problem = problemOf(value);
    if (problem !== null) throw why(problem);
    return [value as DataLine];
  });
}

function problemOf(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return 'it is no object {"input": …, "output": …}';
  }
  const { input, output } = value as Record<string, unknown>;
  if (typeof output !== "string" || output === "" || output.length > MAX_LABEL) {
    return `"output" is ${show(output)}, not a label of 1 to ${MAX_LABEL} characters`;
  }
  if (typeof input === "string") return input === "" ? '"input" is empty' : null;
  if (!Array.isArray(input) || input.length === 0) {
    return `"input" is ${show(input)}, neither a text nor a list of messages`;
  }
  for (const message of input) {
    const { role, content } = (message ?? {}) as Record<string, unknown>;
    if (!(CHAT_ROLES as readonly unknown[]).includes(role)) {
      return `a message has role ${show(role)}; allowed are ${CHAT_ROLES.join(", ")}`;
    }
    if (!isContent(content)) return `a message has content ${show(content)}, not a text`;
  }
  return null;
}

function isContent(content: unknown): boolean {
  return typeof content === "string" || content === null || content === undefined ||
    (Array.isArray(content) &&
      content.every((part) => part?.type === "text" && typeof part.text === "string"));
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function bad(message: string): WeftError {
  return new WeftError("invalid_request", message);
}
