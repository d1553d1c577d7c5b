import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { openLocalStore } from "../../adapters/mod.ts";
import type { Engine } from "../../engine/core/engine.ts";
import { GREEDY } from "../../engine/core/generation.ts";
import {
  loadTokenizer,
  readModelConfig,
  startEngine,
  type TextTokenizer,
} from "../../engine/mod.ts";

const PACK = new URL("../../models/demo/", import.meta.url).pathname;
/** Of each task's 90 examples; the model card has them all. */
const EXAMPLES = 15;

interface Example {
  messages: { role: "user"; content: string }[];
  answer: string;
  choices?: string[];
}

async function readTasks(): Promise<Map<string, Example[]>> {
  const files = (await readdir(`${PACK}eval`)).filter((name) => !name.startsWith("composite"));
  return new Map(
    await Promise.all(
      files.sort().map(async (file): Promise<[string, Example[]]> => {
        const lines = (await Deno.readTextFile(`${PACK}eval/${file}`)).trimEnd().split("\n");
        const examples = lines.slice(0, EXAMPLES).map((line) => JSON.parse(line));
        return [file.replace(".jsonl", ""), examples];
      }),
    ),
  );
}

interface Server {
  engine: Engine;
  tokenizer: TextTokenizer;
}

/** The greedy reply to one example, by the base or by one adapter. */
async function reply(
  { engine, tokenizer }: Server,
  { messages }: Example,
  generation: string | null,
): Promise<string> {
  const { eosTokenIds } = engine.info.model;
  const tokens: number[] = [];
  const events = engine.generate({
    id: crypto.randomUUID(),
    promptTokens: await tokenizer.encodeChat(messages),
    maxTokens: 48,
    mixture: generation ? [{ generation, weight: 1 }] : [],
    sampling: GREEDY,
    stopTokens: eosTokenIds,
    pauseTokens: [],
  }, new AbortController().signal);
  for await (const event of events) {
    if (event.kind === "tokens") tokens.push(...event.tokens.map(({ token }) => token));
  }
  return tokenizer.decode(tokens).trim();
}

function share(replies: { got: string; wanted: string }[]): number {
  return replies.filter(({ got, wanted }) => got === wanted).length / replies.length;
}

Deno.test("through the engine, each task's adapter answers as the demo's model card says", async () => {
  const tasks = await readTasks();
  assert.equal(tasks.size, 26);
  const store = await openLocalStore({
    paths: [`${PACK}adapters`],
    model: await readModelConfig(PACK),
    maxRank: 64,
    maxBytes: 2 ** 29,
  });
  const leases = new Map(
    await Promise.all(
      [...tasks.keys()].map(async (name) => [name, await store.acquire(name)] as const),
    ),
  );
  const tokenizer = await loadTokenizer(PACK);
  const engine = await startEngine({
    modelDirectory: PACK,
    loadAdapter: (generation) => store.weightsOf(generation),
  });
  try {
    // All 26 adapters at once: 32 rows, nearly each with its own.
    const ask = (useAdapter: boolean) =>
      Promise.all(
        [...tasks].flatMap(([name, examples]) =>
          examples.map(async (example) => ({
            isChoice: example.choices !== undefined,
            wanted: example.answer,
            got: await reply(
              { engine, tokenizer },
              example,
              useAdapter ? leases.get(name)!.generation : null,
            ),
          }))
        ),
      );
    const adapted = await ask(true);
    const base = await ask(false);
    const choice = share(adapted.filter(({ isChoice }) => isChoice));
    const baseChoice = share(base.filter(({ isChoice }) => isChoice));
    const question = share(adapted.filter(({ isChoice }) => !isChoice));
    const baseQuestion = share(base.filter(({ isChoice }) => !isChoice));
    const figures = JSON.stringify({ choice, baseChoice, question, baseQuestion });
    assert.ok(choice >= 0.85, figures);
    assert.ok(baseChoice <= 0.6, figures);
    assert.ok(question > baseQuestion + 0.2, figures);
    assert.equal(engine.stats().adapterEvictions, 0);
    await engine.checkIntegrity();
  } finally {
    for (const lease of leases.values()) lease.release();
    tokenizer.close();
    await engine.close();
  }
});
