import type { WeftError } from "../../../../engine/core/errors.ts";
import type { GenerateRequest, Mixture } from "../../../../engine/core/generation.ts";
import type { ClassTarget } from "../../../../engine/core/router.ts";
import {
  DEFAULT_ROUTING,
  type RoutedSentence,
  type RoutingOptions,
} from "../../../../engine/core/routing.ts";
import type { TokenTable } from "../../../../engine/core/token_table.ts";
import { tokenTable } from "../../../../engine/tokenizer/mod.ts";
import { metadataOf, tinyRouter } from "../../router/tiny_router.ts";
import { type TestRunner, withRunner } from "../harness.ts";
import { type LoraFixture, readLoraFixture } from "../lora_fixture.ts";

export const VOCAB = 256;

/** A vocabulary of words in which every fourth token ends a sentence. */
export const TABLE: TokenTable = tokenTable({
  vocabSize: VOCAB,
  tokenBytes: (token) => new TextEncoder().encode(token % 4 === 3 ? "." : ` Word${token}`),
  isSpecial: () => false,
});

export const VOCABULARY = { hash: "0".repeat(64), table: TABLE };

/**
 * A router over `labels` whose logits are the mean of a table of numbers drawn from `seed`; with token
 * `bad` they are infinite.
 */
export function randomRouter(
  labels: readonly string[],
  { seed = 1, sharpness = 6, bad }: { seed?: number; sharpness?: number; bad?: number } = {},
): Uint8Array<ArrayBuffer> {
  let state = seed;
  const next = () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return sharpness * state / 2 ** 31;
  };
  return tinyRouter((model) => {
    const classes = labels.length;
    model.constants.table = {
      dims: [VOCAB, classes],
      values: Array.from({ length: VOCAB * classes }, (_, i) => {
        const value = next();
        return Math.floor(i / classes) === bad ? Infinity : value;
      }),
    };
    model.outputs.logits.shape[1] = classes;
    model.metadata = {
      ...metadataOf(classes),
      "weft.labels": JSON.stringify(labels),
      "weft.max_tokens": "64",
    };
  });
}

/** A runner with a router over the fixture's adapters, all of which are known. */
export interface RoutedRunner extends TestRunner {
  fixture: LoraFixture;
  labels: readonly string[];
  generations: readonly string[];
  /** Submits a request that is routed. */
  route(
    request: Partial<GenerateRequest> & { id: string; promptTokens: Uint32Array },
    options?: Partial<RoutingOptions>,
  ): void;
  sentences(id: string): RoutedSentence[];
  tokens(id: string): number[];
  /** Steps while `work` is under way. */
  during<T>(work: Promise<T>): Promise<T>;
}

export async function withRoutedRunner(
  options: Parameters<typeof withRunner>[1] & {
    targets?: (targets: ClassTarget[]) => ClassTarget[];
    router?: (labels: readonly string[]) => Uint8Array<ArrayBuffer>;
  },
  body: (test: RoutedRunner) => Promise<void>,
): Promise<void> {
  const fixture = await readLoraFixture();
  const generations = [...fixture.adapters.keys()];
  const labels = generations.map((_, i) => `task-${i}`);
  const targets = labels.map((label, i) => ({ label, generation: generations[i] }));
  await withRunner(fixture.base, {
    adapters: fixture.adapters,
    acquireClass: (id, label, runner) =>
      runner.classAcquired(id, { generation: generations[labels.indexOf(label)] }),
    ...options,
  }, async (test) => {
    const { desk } = test.runner;
    const during = async <T>(work: Promise<T>): Promise<T> => {
      let done = false;
      const settled = work.finally(() => done = true);
      settled.catch(() => {});
      while (!done) {
        await test.runner.step();
        await new Promise((resolve) => setImmediate(resolve));
      }
      return await settled;
    };
    const file = (options.router ?? randomRouter)(labels);
    await during(desk.open({ file, generation: "f".repeat(64) }, VOCABULARY));
    desk.setClasses(options.targets ? options.targets(targets) : targets);
    const outcome = (id: string) => test.outcomes.get(id)!;
    await body({
      ...test,
      fixture,
      labels,
      generations,
      during,
      route: (request, given) =>
        test.submit({
          ...request,
          routing: {
            options: { ...DEFAULT_ROUTING, firstToken: "keep", hysteresis: 0, ...given },
            text: request.promptTokens,
          },
        }),
      sentences: (id) =>
        outcome(id).events.flatMap((event) => event.kind === "routed" ? [event.sentence] : []),
      tokens: (id) => {
        const { error, tokens } = outcome(id);
        if (error) throw error satisfies WeftError;
        return tokens;
      },
    });
  });
}

/** The mixture that a sentence had, to be asked for by itself. */
export function mixtureOf({ adapters }: RoutedSentence): Mixture {
  return adapters.map(({ generation, weight }) => ({ generation, weight }));
}
