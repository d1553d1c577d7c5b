/** Renders one chat template, one conversation at a time, in a thread that may be ended (chat_template.ts). */
import { messageOf } from "../core/errors.ts";
import {
  parseTemplate,
  renderTemplate,
  TemplateOverrun,
  TemplateRefusal,
} from "./template_interpreter.ts";
import type { TemplateLimits } from "./template_limits.ts";

export type TemplateCall =
  | { kind: "compile"; source: string; limits: TemplateLimits }
  | { kind: "render"; variables: Record<string, unknown> };

export type TemplateReply =
  | { kind: "ready" }
  | { kind: "compiled" }
  | { kind: "rendered"; text: string }
  /** The template's own `raise_exception`. */
  | { kind: "refused"; message: string }
  | { kind: "overrun"; message: string }
  | { kind: "failed"; message: string };

interface WorkerScope {
  onmessage: ((event: MessageEvent<TemplateCall>) => void) | null;
  postMessage(reply: TemplateReply): void;
}

const scope = globalThis as unknown as WorkerScope;
let program: ReturnType<typeof parseTemplate>;
let limits: TemplateLimits;

scope.onmessage = ({ data }) => scope.postMessage(answer(data));
scope.postMessage({ kind: "ready" });

function answer(call: TemplateCall): TemplateReply {
  try {
    if (call.kind === "compile") {
      limits = call.limits;
      program = parseTemplate(call.source);
      return { kind: "compiled" };
    }
    return { kind: "rendered", text: renderTemplate(program, call.variables, limits) };
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof TemplateRefusal) return { kind: "refused", message };
    if (error instanceof TemplateOverrun) return { kind: "overrun", message };
    return { kind: "failed", message };
  }
}
