import type { Results, TimingResult } from "../../../../bench/eval/results.ts";

function series(
  adapters: number,
  method: string,
  ms: number[],
  prompts: TimingResult["prompts"] = "composite3",
): TimingResult {
  return {
    prompts,
    adapters,
    resident: adapters,
    concurrency: 1,
    method,
    answers: 4,
    answerTokens: 24,
    ms,
    routesPerAnswer: method.startsWith("auto") ? 3 : 0,
    adaptersPerSentence: method === "auto-3" ? 3 : 0,
  };
}

/** Results of two tasks and two routers, in which every target is met. Made up, not measured. */
export function goodResults(): Results {
  return {
    format: "weft-eval/1",
    date: "2026-01-02",
    machine: { deno: "2.9.6", os: "linux x86_64", cores: 2, gpu: "a GPU" },
    model: "models/demo",
    samples: 4,
    sweepSamples: 2,
    routers: [0.99, 1].map((accuracy, i) => ({
      name: `router-${i}.onnx`,
      generation: String(i).repeat(64),
      accuracy,
      tasks: [{ task: "plurals", count: 4, right: 4 - i }, {
        task: "copy_text",
        count: 4,
        right: 4,
      }],
      confusions: i === 0 ? [] : [{ task: "plurals", routed: "antonyms", count: 1 }],
    })),
    tasks: [
      {
        task: "plurals",
        kind: "choice",
        count: 4,
        methods: {
          base: { accuracy: [0.25] },
          own: { accuracy: [0.75] },
          "top-p": { accuracy: [0.74, 0.76] },
        },
      },
      {
        task: "copy_text",
        kind: "qa",
        count: 4,
        methods: {
          own: { bleu: [0.9], rouge1: [0.8], rougeL: [0.8] },
          "top-p": { bleu: [0.9, 0.9], rouge1: [0.8, 0.8], rougeL: [0.8, 0.79] },
        },
      },
    ],
    composites: ["composite", "composite3"].map((file) => ({
      file,
      count: 4,
      methods: {
        joint: { sentences: [0.5], whole: [0.25] },
        "sentence-keep-carry": { sentences: [0.6, 0.7], whole: [0.5, 0.5], routed: [1, 1] },
        "sentence-redraw-carry": { sentences: [0.68], whole: [0.5], routed: [1] },
        "sentence-redraw-recompute": { sentences: [0.7], whole: [0.5], routed: [1] },
        prompt: { sentences: [0.55, 0.55], whole: [0.25, 0.5], routed: [0.5, 0.5] },
      },
    })),
    sweep: [{ p: 0.5, choiceAccuracy: [0.7], qaRougeL: [0.8], adaptersPerSentence: [1.25] }],
    usage: [{
      part: "tasks",
      method: "top-p",
      answers: 16,
      sentencesPerAnswer: 1.5,
      adaptersPerSentence: 1.1,
      abstained: 0.01,
      missed: 0,
      entropy: 0.2,
      timings: { answer_ms: 50, route_ms: 1.5, prefill_ms: 20, decode_ms: 25 },
    }],
    timing: [
      series(1, "first", [100, 102, 98]),
      series(100, "first", [104, 103, 99]),
      series(100, "single", [100, 100, 100]),
      series(100, "auto-3", [110, 114, 190]),
      series(100, "auto", [105, 106, 104]),
      series(100, "single", [50, 50, 50], "task"),
      series(100, "auto", [54, 55, 56], "task"),
    ],
  };
}
