import assert from "node:assert/strict";
import { bleu, ngramPrecision } from "../../../../bench/eval/metrics/bleu.ts";

/** Papineni et al. 2002, section 2, without their final full stops, as the paper counts words. */
const CANDIDATE_1 =
  "It is a guide to action which ensures that the military always obeys the commands of the party";
const CANDIDATE_2 =
  "It is to insure the troops forever hearing the activity guidebook that party direct";
const REFERENCES = [
  "It is a guide to action that ensures that the military will forever heed Party commands",
  "It is the guiding principle which guarantees the military forces always being under the command of the Party",
  "It is the practical guide for the army always to heed the directions of the party",
];

/** Answers in the form that the demo's tasks have. */
const REPLIES = [
  "who: Ben; what: ball; where: kitchen",
  "la baku amor un tasu verda",
  "forty three and twenty",
  "Ana hid the frog.",
  "grey, blue, green and peach",
  "fish, horse, sheep",
];
const ANSWERS = [
  "who: Ben; what: ball; where: kitchen",
  "la baku amor un verda tasu",
  "forty three and twenty one",
  "Ana hid the frog.",
  "grey, blue, green",
  "fish, sheep, horse",
];

function close(found: number, wanted: number): void {
  assert.ok(Math.abs(found - wanted) < 1e-12, `${found} is not ${wanted}`);
}

Deno.test("modified precision is the paper's in its own examples", () => {
  assert.deepEqual(ngramPrecision([CANDIDATE_1], [REFERENCES], 1), { matched: 17, total: 18 });
  assert.deepEqual(ngramPrecision([CANDIDATE_2], [REFERENCES], 1), { matched: 8, total: 14 });
  assert.deepEqual(ngramPrecision([CANDIDATE_1], [REFERENCES], 2), { matched: 10, total: 17 });
  assert.deepEqual(ngramPrecision([CANDIDATE_2], [REFERENCES], 2), { matched: 1, total: 13 });
});

Deno.test("a word counts at most as often as in one reference: 2 of 7 for seven times the", () => {
  const references = [["the cat is on the mat", "there is a cat on the mat"]];
  const precision = ngramPrecision(["the the the the the the the"], references, 1);
  assert.deepEqual(precision, { matched: 2, total: 7 });
});

// sacrebleu 2.6.0, corpus_bleu with smooth_method "none", effective order, on the same words; nltk agrees.
Deno.test("a corpus of several references scores as with sacrebleu", () => {
  const withStops = REFERENCES.map((text) => `${text}.`);
  close(bleu([`${CANDIDATE_1}.`], [withStops]), 0.5401725898595141);
  // The second candidate shares no 3-gram with a reference, but the corpus does; and it is short.
  const corpus = [`${CANDIDATE_1}.`, `${CANDIDATE_2}.`];
  close(bleu(corpus, [withStops, withStops]), 0.3253699726433254);
});

Deno.test("short answers score as with sacrebleu: over the corpus, not per answer", () => {
  close(bleu(REPLIES, ANSWERS.map((answer) => [answer])), 0.7996551632210946);
});

Deno.test("orders that no reply is long enough for are left out", () => {
  close(bleu(["Madrid", "Rome"], [["Madrid"], ["Paris"]]), 0.5);
  close(bleu(["Ana hid", "Rome"], [["Ana hid"], ["Rome"]]), 1);
});

Deno.test("an order without a match makes the score 0, without smoothing", () => {
  assert.equal(bleu(["Madrid", "the horse"], [["Madrid"], ["horse"]]), 0);
});

Deno.test("replies that are too short as a whole are punished: e^(1 - r/c)", () => {
  close(bleu(["a b c d e"], [["a b c d e f g h i j"]]), Math.exp(1 - 10 / 5));
});

Deno.test("case counts, white space doesn't", () => {
  assert.equal(bleu(["ana"], [["Ana"]]), 0);
  assert.equal(bleu([" a  b\nc d "], [["a b c d"]]), 1);
});

Deno.test("empty replies score 0, and nothing at all is refused", () => {
  assert.equal(bleu(["", ""], [["a"], ["b"]]), 0);
  assert.throws(() => bleu([], []), RangeError);
  assert.throws(() => bleu(["a"], [["a"], ["b"]]), RangeError);
});
