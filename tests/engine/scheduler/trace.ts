import assert from "node:assert/strict";
import {
  BLOCK_SIZE,
  Scheduler,
  type SchedulerOptions,
  type Sequence,
  type StepPlan,
} from "../../../engine/scheduler/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { type Change, SimulatedModel, soloAnswer, STOP } from "./simulated_model.ts";

export interface TraceRequest {
  promptTokens: Uint32Array;
  maxTokens: number;
  mixtureKey: string;
  /** Step at which it is added. */
  arrival: number;
  /** Steps after arrival at which the client leaves, while a step is in flight or between two. */
  /** Changes of mixture once the answer has this many tokens, in order. */
  changes?: readonly { after: number; key: string; policy: Change["policy"] }[];
  abort?: { after: number; inFlight: boolean };
}

/** While it lasts, sequences of the mixture may not be admitted. */
export interface Hold {
  mixtureKey: string;
  from: number;
  steps: number;
}

export interface Trace {
  options: SchedulerOptions;
  requests: TraceRequest[];
  holds: readonly Hold[];
}

export interface TraceOutcome {
  steps: number;
  preemptions: number;
  /** Changes of mixture that took effect. */
  changes: Record<Change["policy"], number>;
  cachedPromptTokens: number;
  answers: Map<string, number[]>;
}

/** Runs a trace to its end against the simulated model and checks every rule at every step. */
export function runTrace({ options, requests, holds }: Trace): TraceOutcome {
  const scheduler = new Scheduler(options);
  const model = new SimulatedModel(options.numBlocks);
  const live = new Map<string, { sequence: Sequence; request: TraceRequest; done: Change[] }>();
  const answers = new Map<string, number[]>();
  const queued: string[] = [];
  const firstAdmitted: string[] = [];
  const lastArrival = Math.max(0, ...requests.map(({ arrival }) => arrival));
  const lastHold = Math.max(0, ...holds.map(({ from, steps }) => from + steps));
  const work = requests.reduce((sum, r) => sum + r.promptTokens.length + r.maxTokens, 0);
  const deadline = lastArrival + lastHold + 20 + 20 * work;
  const changes = { carry: 0, recompute: 0 };
  let step = 0;

  for (; step <= lastArrival || live.size > 0; step++) {
    assert.ok(step < deadline, `${live.size} requests starve after ${step} steps`);
    addArrivals();
    abortDue(false);
    changeDue();
    scheduler.checkIntegrity();
    const held = new Set(
      holds.filter(({ from, steps }) => from <= step && step < from + steps)
        .map(({ mixtureKey }) => mixtureKey),
    );
    const plan = scheduler.schedule(({ mixtureKey }) => !held.has(mixtureKey));
    if (!plan) {
      for (const { sequence } of live.values()) assert.ok(held.has(sequence.mixtureKey));
      scheduler.checkIntegrity();
      continue;
    }
    checkPlan(plan, options);
    for (const { sequence } of plan.prefills) {
      const { id } = sequence;
      if (sequence.admissions === 1 && !firstAdmitted.includes(id)) firstAdmitted.push(id);
    }
    const results = model.run(plan);
    const gone = abortDue(true);
    scheduler.checkIntegrity();
    scheduler.commit(plan, results);
    for (const sequence of gone) assert.equal(sequence.state, "finished");
    finishEnded();
    scheduler.checkIntegrity();
  }

  const { running, waiting, usedBlocks, preemptions, cachedPromptTokens } = scheduler.stats;
  assert.deepEqual([running, waiting, usedBlocks], [0, 0, 0]);
  if (holds.length === 0) {
    const inOrder = queued.filter((id) => firstAdmitted.includes(id));
    assert.deepEqual(firstAdmitted, inOrder, "requests were overtaken");
  }
  return { steps: step, preemptions, changes, cachedPromptTokens, answers };

  function addArrivals(): void {
    for (const [index, request] of requests.entries()) {
      if (request.arrival !== step) continue;
      const id = `${index}`;
      const prompt = request.promptTokens.length;
      try {
        live.set(id, { sequence: scheduler.add({ id, ...request }), request, done: [] });
        queued.push(id);
      } catch (error) {
        assert.ok(error instanceof WeftError);
        const impossible = prompt + 1 > options.maxModelLen ||
          prompt > options.numBlocks * BLOCK_SIZE;
        assert.equal(error.code, impossible ? "invalid_request" : "overloaded");
      }
    }
  }

  function changeDue(): void {
    for (const { sequence, request, done } of live.values()) {
      const next = request.changes?.[done.length];
      if (!next || sequence.phase !== "decode" || sequence.numGenerated < next.after) continue;
      const change = { key: next.key, policy: next.policy, from: sequence.length - 1 };
      scheduler.changeMixture(sequence, change);
      done.push(change);
      changes[change.policy]++;
    }
  }

  function abortDue(inFlight: boolean): Sequence[] {
    const gone: Sequence[] = [];
    for (const [id, { sequence, request }] of live) {
      const { abort } = request;
      if (!abort || abort.inFlight !== inFlight || step < request.arrival + abort.after) continue;
      assert.equal(scheduler.abort(id), true);
      assert.equal(scheduler.abort(id), false);
      if (!inFlight) assert.equal(sequence.state, "finished");
      live.delete(id);
      gone.push(sequence);
    }
    return gone;
  }

  function finishEnded(): void {
    for (const [id, { sequence, request, done }] of live) {
      if (sequence.numGenerated === 0) continue;
      const answer = [...sequence.tokens.subarray(sequence.numPrompt)];
      if (answer.at(-1) !== STOP && sequence.remaining > 0) continue;
      scheduler.finish(sequence);
      live.delete(id);
      const prompt = request.promptTokens;
      const limit = Math.min(
        request.maxTokens,
        options.maxModelLen - prompt.length,
        options.numBlocks * BLOCK_SIZE + 1 - prompt.length,
      );
      assert.deepEqual(
        answer,
        soloAnswer({ prompt, mixtureKey: request.mixtureKey, limit, changes: done }),
      );
      answers.set(id, answer);
    }
  }
}

function checkPlan({ prefills, decodes, burst, preempted }: StepPlan, options: SchedulerOptions) {
  const rows = [...prefills.map(({ sequence }) => sequence), ...decodes].map(({ row }) => row);
  assert.equal(new Set(rows).size, rows.length, "a row is used twice");
  assert.ok(rows.every((row) => row >= 0 && row < options.maxBatch));
  const prefillTokens = prefills.reduce((sum, { tokens }) => sum + tokens.length, 0);
  assert.ok(prefillTokens <= options.prefillTokenBudget);
  assert.ok(prefills.every(({ tokens }) => tokens.length > 0));
  assert.ok(burst >= 1 && burst <= options.maxBurst);
  if (prefills.length > 0) assert.equal(burst, 1);
  for (const { state, row, blockTable } of preempted) {
    assert.deepEqual([state, row, blockTable.length], ["waiting", -1, 0]);
  }
}
