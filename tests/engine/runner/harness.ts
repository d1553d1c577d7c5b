import { WeftError } from "../../../engine/core/errors.ts";
import type { Quantize } from "../../../engine/core/engine.ts";
import { cutPart, type PartQuestion } from "../../../engine/core/adapter_part.ts";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";
import {
  type GeneratedToken,
  type GenerateRequest,
  GREEDY,
  type TokenEvent,
} from "../../../engine/core/generation.ts";
import type { DeviceTuning } from "../../../engine/core/tuning.ts";
import { type OpenRunner, openRunner } from "../../../engine/runner/open_runner.ts";
import type { SizingOptions } from "../../../engine/runner/sizing.ts";

/** What became of a request. */
export interface Outcome {
  events: TokenEvent[];
  tokens: number[];
  generated: GeneratedToken[];
  error: WeftError | null;
  finished: Extract<TokenEvent, { kind: "finished" }> | null;
}

/** A runner on the real device, with adapters served from memory. */
export interface TestRunner extends OpenRunner {
  outcomes: Map<string, Outcome>;
  /** Generations asked for from their beginning, in order. */
  asked: string[];
  /** What was told of holds, by id: null is success. */
  held: Map<number, WeftError | null>;
  /** Chosen classes whose content was asked for, and which of those questions are let go. */
  classes: { id: number; label: string }[];
  released: Set<number>;
  /** Answers the questions for a withheld generation from now on. */
  bring(generation: string): void;
  submit(request: Partial<GenerateRequest> & { id: string; promptTokens: Uint32Array }): void;
  /** Steps until nothing is left. */
  drain(): Promise<void>;
}

export async function withRunner(
  modelDirectory: string,
  options: {
    dtype?: "f16" | "f32";
    quantize?: Quantize;
    adapters?: ReadonlyMap<string, AdapterWeights>;
    sizing?: SizingOptions;
    prefillTokens?: number;
    prefixCache?: boolean;
    tunings?: readonly DeviceTuning[];
    tune?: boolean;
    maxQueuedRequests?: number;
    maxQueuedTokens?: number;
    /** Generations whose request goes unanswered: the test answers it itself, or never. */
    withheld?: ReadonlySet<string>;
    /** How large the parts are in which adapters come. */
    partBytes?: number;
    now?: () => number;
    /** Answers the question for a chosen class's content; unanswered where left out. */
    acquireClass?: (id: number, label: string, runner: OpenRunner["runner"]) => void;
  },
  body: (test: TestRunner) => Promise<void>,
): Promise<void> {
  const outcomes = new Map<string, Outcome>();
  const asked: string[] = [];
  const held = new Map<number, WeftError | null>();
  const classes: { id: number; label: string }[] = [];
  const released = new Set<number>();
  const withheld = new Set(options.withheld);
  const open: PartQuestion[] = [];
  const answer = (question: PartQuestion) => {
    const { generation, from } = question;
    const weights = options.adapters?.get(generation);
    if (weights) {
      opened.runner.adapterArrived(cutPart(weights, { from, maxBytes: options.partBytes }));
    } else {
      opened.runner.adapterFailed(
        question,
        new WeftError("bad_adapter", `Cannot load adapter ${generation}: it is not here`),
      );
    }
  };
  const opened = await openRunner({
    modelDirectory,
    dtype: options.dtype ?? "f32",
    quantize: options.quantize,
    sizing: {
      maxBatch: 8,
      maxModelLen: 256,
      maxPrefillTokens: options.prefillTokens ?? 512,
      ...options.sizing,
    },
    maxQueuedRequests: options.maxQueuedRequests ?? 1000,
    maxQueuedTokens: options.maxQueuedTokens ?? 1e6,
    prefixCache: options.prefixCache,
    tunings: options.tunings,
    tune: options.tune,
    warmRows: () => -1,
  }, {
    now: options.now ?? (() => performance.now()),
    emit: (id, event) => {
      const outcome = outcomes.get(id)!;
      outcome.events.push(event);
      if (event.kind === "tokens") {
        outcome.generated.push(...event.tokens);
        outcome.tokens.push(...event.tokens.map(({ token }) => token));
      }
      if (event.kind === "finished") outcome.finished = event;
    },
    fail: (id, error) => {
      outcomes.get(id)!.error = error;
    },
    held: (id, error) => void held.set(id, error),
    acquireClass: (id, label) => {
      classes.push({ id, label });
      queueMicrotask(() => options.acquireClass?.(id, label, opened.runner));
    },
    releaseClass: (id) => void released.add(id),
    wake: () => {},
    requestAdapter: (question) => {
      if (question.from === 0) asked.push(question.generation);
      if (withheld.has(question.generation)) open.push(question);
      else queueMicrotask(() => answer(question));
    },
  });
  const test: TestRunner = {
    ...opened,
    outcomes,
    asked,
    held,
    classes,
    released,
    bring: (generation) => {
      withheld.delete(generation);
      for (const question of open.splice(0)) {
        if (question.generation === generation) answer(question);
        else open.push(question);
      }
    },
    submit: (request) => {
      outcomes.set(request.id, {
        events: [],
        tokens: [],
        generated: [],
        error: null,
        finished: null,
      });
      opened.runner.submit({
        maxTokens: 16,
        mixture: [],
        sampling: GREEDY,
        stopTokens: [],
        pauseTokens: [],
        ...request,
      });
    },
    drain: async () => {
      for (let idle = 0; opened.runner.size > 0;) {
        const busy = await opened.runner.step();
        idle = busy ? 0 : idle + 1;
        if (idle > 100) throw new Error(`${opened.runner.size} requests are stuck`);
        await new Promise((resolve) => setImmediate(resolve));
      }
      opened.runner.checkIntegrity();
    },
  };
  try {
    await body(test);
  } finally {
    await opened.close();
  }
}
