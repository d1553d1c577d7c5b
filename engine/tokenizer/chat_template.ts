import { WeftError } from "../core/errors.ts";
import type { TemplateMessage } from "./chat_messages.ts";
import { TEMPLATE_LIMITS, type TemplateLimits } from "./template_limits.ts";
import type { TemplateCall, TemplateReply } from "./template_worker.ts";

/** The longest a rendering may take. */
const DEADLINE_MS = 2000;
/** The longest a fresh worker may take to start. */
const START_MS = 20_000;
/** What a timer that fired on a busy thread grants a reply that may already be waiting. */
const GRACE_MS = 100;

export interface ChatTemplateOptions {
  deadlineMs?: number;
  limits?: TemplateLimits;
}

/** What one rendering needs. */
export interface RenderInput {
  messages: readonly TemplateMessage[];
  addGenerationPrompt: boolean;
}

/** What a template makes of no particular conversation: it must finish, whatever it says. */
const PROBE: TemplateMessage[] = [
  { role: "system", content: "You are helpful." },
  { role: "user", content: "Hello" },
  { role: "assistant", content: "Hello!" },
  { role: "user", content: "Bye" },
];

/**
 * A model's chat template. It runs in a worker of its own, for Jinja has loops and so no other
 * bound in time: a rendering that passes its deadline is ended with its worker, and the next one gets a new
 * worker. Renderings wait for each other; none touches the calling thread.
 */
export class ChatTemplate {
  readonly #source: string;
  readonly #variables: Record<string, unknown>;
  readonly #deadlineMs: number;
  readonly #limits: TemplateLimits;
  #worker: Worker | null = null;
  #last: Promise<unknown> = Promise.resolve();
  readonly #closing = new AbortController();

  private constructor(
    source: string,
    variables: Record<string, unknown>,
    options: ChatTemplateOptions,
  ) {
    this.#source = source;
    this.#variables = variables;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    this.#limits = options.limits ?? TEMPLATE_LIMITS;
  }

  /**
   * Compiles a template and tries it on a short conversation.
   * `variables`: the special tokens' texts (`bos_token`, …).
   *
   * @throws WeftError `bad_model` for a syntax error or one that passes its bounds in the trial
   */
  static async load(
    source: string,
    options: ChatTemplateOptions & { variables: Record<string, unknown> },
  ): Promise<ChatTemplate> {
    const template = new ChatTemplate(source, options.variables, options);
    const reply = await template.#serially(() =>
      template.#render({ messages: PROBE, addGenerationPrompt: true })
    ).catch((error) => {
      template.close();
      throw error;
    });
    // It may refuse or not understand the trial conversation: many templates are picky.
    if (reply.kind === "overrun") {
      template.close();
      throw new WeftError(
        "bad_model",
        `Cannot use the model's chat template: on a conversation of ${PROBE.length} short messages ${reply.message}`,
      );
    }
    return template;
  }

  /**
   * The conversation as the model's prompt text.
   *
   * @throws WeftError `invalid_request` with the template's own words when it refuses the conversation, `too_large` when it
   * passes its bounds, `unsupported` when the template fails on it
   */
  async render(input: RenderInput): Promise<string> {
    const reply = await this.#serially(() => this.#render(input));
    const count = `${input.messages.length} message${input.messages.length === 1 ? "" : "s"}`;
    switch (reply.kind) {
      case "rendered":
        return reply.text;
      case "refused":
        throw new WeftError(
          "invalid_request",
          `The model's chat template refuses the messages: ${reply.message}`,
          { param: "messages" },
        );
      case "overrun":
        throw new WeftError(
          "too_large",
          `Cannot render ${count} with the model's chat template: ${reply.message}; send less`,
          { param: "messages" },
        );
      default:
        throw new WeftError(
          "unsupported",
          `Cannot render ${count} with the model's chat template: ${why(reply)}`,
          { param: "messages" },
        );
    }
  }

  /** Ends the worker. A rendering under way fails. */
  close(): void {
    this.#closing.abort(
      new WeftError("unavailable", "Cannot render a chat: the tokenizer is closed"),
    );
    this.#end();
  }

  #serially<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }

  async #render(input: RenderInput): Promise<TemplateReply> {
    this.#worker ??= await this.#start();
    const variables = {
      ...this.#variables,
      messages: input.messages,
      add_generation_prompt: input.addGenerationPrompt,
      tools: null,
      documents: null,
    };
    return await this.#call({ kind: "render", variables });
  }

  async #start(): Promise<Worker> {
    this.#closing.signal.throwIfAborted();
    const worker = new Worker(import.meta.resolve("./template_worker.ts"), { type: "module" });
    this.#worker = worker; // so that close() ends it also while it starts
    const ready = await this.#reply(worker, START_MS);
    if (ready.kind !== "ready") {
      this.#end();
      throw new WeftError("internal", `Cannot start the chat template's worker: ${why(ready)}`);
    }
    const source = this.#source;
    const compiled = await this.#call({ kind: "compile", source, limits: this.#limits });
    if (compiled.kind !== "compiled") {
      this.#end();
      throw new WeftError(
        "bad_model",
        `Cannot compile the model's chat template: ${why(compiled)}`,
      );
    }
    return worker;
  }

  async #call(call: TemplateCall): Promise<TemplateReply> {
    const worker = this.#worker!;
    worker.postMessage(call);
    const answer = await this.#reply(worker, this.#deadlineMs);
    if (answer.kind !== "late" && answer.kind !== "died") return answer;
    this.#end(); // the next rendering starts another
    return { kind: answer.kind === "late" ? "overrun" : "failed", message: answer.message };
  }

  #end(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** The worker's next message, or why there is none. */
  #reply(worker: Worker, timeoutMs: number): Promise<TemplateReply | Silence> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const finish = (value: TemplateReply | Silence) => {
        clearTimeout(timer);
        worker.onmessage = worker.onerror = null;
        signal.removeEventListener("abort", closed);
        resolve(value);
      };
      const late = () => finish({ kind: "late", message: `it did not finish in ${timeoutMs} ms` });
      const closed = () => finish({ kind: "died", message: "the tokenizer was closed" });
      let timer = setTimeout(() => timer = setTimeout(late, GRACE_MS), timeoutMs);
      signal.addEventListener("abort", closed);
      if (signal.aborted) closed();
      worker.onmessage = ({ data }) => finish(data);
      worker.onerror = (event) => {
        event.preventDefault();
        finish({ kind: "died", message: event.message });
      };
    });
  }
}

/** No reply: the worker's time ran out, or it ended. */
type Silence = { kind: "late"; message: string } | { kind: "died"; message: string };

function why(reply: TemplateReply | Silence): string {
  return "message" in reply ? reply.message : `unexpected reply "${reply.kind}"`;
}
