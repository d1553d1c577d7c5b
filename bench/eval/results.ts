/** What `deno task eval` leaves for its report. All shares are 0 to 1; lists have one value a router. */
export interface Results {
  format: "weft-eval/1";
  /** ISO date of the latest scoring. */
  date: string;
  machine: { deno: string; os: string; cores: number; gpu: string };
  model: string;
  /** Of each task's file, at most so many samples, the first ones. */
  samples: number;
  sweepSamples: number;
  routers: RouterRun[];
  tasks: TaskResult[];
  composites: CompositeResult[];
  sweep: SweepResult[];
  usage: UsageResult[];
  timing: TimingResult[];
}

/** One router over the prompts of the tasks, as `/v1/route` sees them. */
export interface RouterRun {
  /** The file's name, or "default" for the server's own. */
  name: string;
  generation: string;
  /** Whose likeliest class is the prompt's task; null before it was measured. */
  accuracy: number | null;
  tasks: { task: string; count: number; right: number }[];
  /** Prompts of `task` that went to `routed`, most frequent first. */
  confusions: { task: string; routed: string; count: number }[];
}

export type TaskMetric = "accuracy" | "bleu" | "rouge1" | "rougeL";

export interface TaskResult {
  task: string;
  kind: "choice" | "qa";
  count: number;
  /** By method: accuracy for choice, the others for qa. */
  methods: Record<string, Partial<Record<TaskMetric, number[]>>>;
}

export interface CompositeResult {
  file: string;
  count: number;
  /** By method: sentences right in their place, whole replies right, and for routed methods sentences whose heaviest adapter is their task's. */
  methods: Record<string, { sentences: number[]; whole: number[]; routed?: number[] }>;
}

/** `top-p` at one p, over the same samples: means over the tasks. */
export interface SweepResult {
  p: number;
  choiceAccuracy: number[];
  qaRougeL: number[];
  adaptersPerSentence: number[];
}

/** How a routed method went about it. */
export interface UsageResult {
  part: "tasks" | "composite" | "sweep";
  method: string;
  answers: number;
  sentencesPerAnswer: number;
  adaptersPerSentence: number;
  abstained: number;
  missed: number;
  /** In nats, mean over sentences. */
  entropy: number;
  /** Means an answer, milliseconds, with all that was in flight. */
  timings: Record<string, number>;
}

/** Wall time of answers with so many adapters, paired by round. */
export interface TimingResult {
  /** Of one task with an answer of its own length, or of three with one of a fixed length. */
  prompts: "task" | "composite3";
  adapters: number;
  /** Of those on the GPU before measuring. */
  resident: number;
  concurrency: number;
  method: string;
  /** Answers a round, and the mean of their tokens. */
  answers: number;
  answerTokens: number;
  /** Milliseconds an answer, one value a round. */
  ms: number[];
  routesPerAnswer: number;
  adaptersPerSentence: number;
}
