import assert from "node:assert/strict";
import { DEFAULT_ROUTING, type RoutingOptions } from "../../../../engine/core/routing.ts";
import { AnswerRoute } from "../../../../engine/runner/routing/answer_route.ts";
import { sharedVocabulary } from "../../../../engine/runner/routing/vocabulary.ts";
import { tokenTable } from "../../../../engine/tokenizer/mod.ts";

const WORDS = ["<end>", " One", " two", ".", " 3", "14", " Dr", " Who", "!", '"', "\n", " etc"];
const VOCABULARY = sharedVocabulary({
  hash: "",
  table: tokenTable({
    vocabSize: WORDS.length,
    tokenBytes: (token) => new TextEncoder().encode(WORDS[token]),
    isSpecial: (token) => token === 0,
  }),
});

/** The words at which a text is due to be routed, by place. */
function dueAt(text: string[], options: Partial<RoutingOptions> = {}): [number, number][] {
  const routing = { options: { ...DEFAULT_ROUTING, ...options }, text: Uint32Array.of(1) };
  const route = new AnswerRoute(routing, VOCABULARY, 0);
  route.settle();
  const due: [number, number][] = [];
  text.forEach((word, i) => {
    route.read([{ token: WORDS.indexOf(word) }], i, 1);
    if (route.due) due.push([route.due.index, route.due.start]);
    route.settle();
  });
  return due;
}

Deno.test("a sentence is due with its first token", () => {
  assert.deepEqual(dueAt([" One", " two", ".", " One", "!", " two"]), [[1, 3], [2, 5]]);
  assert.deepEqual(dueAt([" One", "\n", "\n", " two"]), [[1, 3]]);
});

Deno.test("numbers, titles and ends of texts make no sentence due", () => {
  assert.deepEqual(dueAt([" One", " 3", ".", "14", " two"]), []);
  assert.deepEqual(dueAt([" Dr", ".", " Who"]), []);
  assert.deepEqual(dueAt([" One", "."]), []);
});

Deno.test("behind a token that may end a sentence one token is drawn at a time", () => {
  const routing = { options: DEFAULT_ROUTING, text: new Uint32Array(0) };
  const route = new AnswerRoute(routing, VOCABULARY, 0);
  assert.equal(route.pace.most, Infinity);
  const after = (word: string) => {
    route.read([{ token: WORDS.indexOf(word) }], 0, 0);
    return route.pace.most;
  };
  assert.equal(after(" One"), Infinity);
  assert.equal(after("."), 1);
  assert.equal(after('"'), 1);
  assert.equal(after(" two"), Infinity);
  const pauses = new Set(route.pauseTokens);
  assert.ok(pauses.has(WORDS.indexOf(".")) && !pauses.has(WORDS.indexOf(" two")));
});

Deno.test("where the prompt's mixture stands throughout, nothing pauses and nothing is due", () => {
  assert.deepEqual(dueAt([" One", ".", " two"], { scope: "prompt" }), []);
});

Deno.test("the router sees the last tokens of prompt and answer, without special ones", () => {
  const routing = { options: DEFAULT_ROUTING, text: Uint32Array.of(1, 2) };
  const route = new AnswerRoute(routing, VOCABULARY, 0);
  assert.deepEqual(route.routerText(Uint32Array.of(3, 0, 4), 256), [1, 2, 3, 4]);
  assert.deepEqual(route.routerText(Uint32Array.of(3, 0, 4), 3), [2, 3, 4]);
});

Deno.test("a sentence whose first token was taken back is routed once, on that token", () => {
  const options = { ...DEFAULT_ROUTING, firstToken: "redraw" } as const;
  const route = new AnswerRoute({ options, text: Uint32Array.of(1) }, VOCABULARY, 0);
  route.settle();
  const [one, dot, two, quote, who] = [" One", ".", " two", '"', " Who"]
    .map((word) => WORDS.indexOf(word));
  const read = (token: number, start: number) => route.read([{ token }], start, 0);
  read(one, 0);
  read(dot, 1);
  read(two, 2);
  assert.deepEqual([route.redraws, route.due!.index, route.due!.start], [true, 1, 2]);
  const rest = Uint32Array.of(one, dot);
  route.takeBack(two, rest);
  assert.deepEqual(route.routerText(rest, 256), [1, one, dot, two]);
  assert.equal(route.pace.most, 1, "the text is as before the token");
  route.settle();
  assert.deepEqual(route.routerText(rest, 256), [1, one, dot]);
  read(quote, 2);
  assert.equal(route.due, null, "what is drawn in its place may still belong to the end");
  read(who, 3);
  assert.equal(route.due, null, "its mixture is chosen");
  read(dot, 4);
  read(one, 5);
  assert.equal(route.due!.index, 2);
});
