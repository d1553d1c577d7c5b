import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { strftime } from "./strftime.ts";
import { TEMPLATE_LIMITS, type TemplateLimits } from "./template_limits.ts";

/** The template refused the conversation by `raise_exception`. */
export class TemplateRefusal extends Error {}

/** The rendering grew beyond a limit. */
export class TemplateOverrun extends Error {}

type Program = Template["parsed"];

/** Parses as transformers does: block tags eat the line break behind and the blanks before them. */
export function parseTemplate(source: string): Program {
  return new Template(source).parsed;
}

/**
 * Renders with the globals that Python's transformers defines. Memory is bounded here; time is not, since one
 * built-in call may be arbitrarily slow: that bound is the worker's deadline (chat_template.ts).
 *
 * @throws TemplateRefusal, TemplateOverrun, or whatever the template does wrong
 */
export function renderTemplate(
  program: Program,
  variables: Record<string, unknown>,
  limits: TemplateLimits = TEMPLATE_LIMITS,
): string {
  const environment = new Environment();
  const globals = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    raise_exception(message: unknown): never {
      throw new TemplateRefusal(String(message));
    },
    strftime_now: (format: string) => strftime(new Date(), format),
    range: (...args: number[]) => boundedRange(args, limits.maxRange),
  };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) {
    environment.set(name, value);
  }
  return String(new BoundedInterpreter(environment, limits).run(program).value);
}

type Node = Parameters<Interpreter["evaluate"]>[0];
type Value = ReturnType<Interpreter["evaluate"]>;

class BoundedInterpreter extends Interpreter {
  readonly #limits: TemplateLimits;
  #total = 0;

  constructor(environment: Environment, limits: TemplateLimits) {
    super(environment);
    this.#limits = limits;
  }

  override evaluate(node: Node, environment: Environment): Value {
    const value = super.evaluate(node, environment);
    if (isLookup(node)) return value; // counted when it was made
    const size = sizeOf(value);
    this.#total += size;
    if (size > this.#limits.maxValue) throw overrun("a value", this.#limits.maxValue);
    if (this.#total > this.#limits.maxTotal) throw overrun("all values", this.#limits.maxTotal);
    return value;
  }
}

function isLookup(node: Node): boolean {
  if (node?.type === "Identifier") return true;
  if (node?.type !== "MemberExpression") return false;
  return (node as Node & { property: { type: string } }).property.type !== "SliceExpression";
}

function overrun(what: string, limit: number): TemplateOverrun {
  return new TemplateOverrun(`${what} grew beyond ${limit} characters or items`);
}

function sizeOf({ value }: Value): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return value instanceof Map ? value.size : 0;
}

/** Python's `range`, refused before it is made when it would be longer than `limit`. */
function boundedRange(args: number[], limit: number): number[] {
  const [start, stop, step] = args.length > 1 ? [args[0], args[1], args[2] ?? 1] : [0, args[0], 1];
  if (![start, stop, step].every(Number.isInteger) || step === 0) {
    throw new Error(`range(${args.join(", ")}) needs integers and a step that is not 0`);
  }
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > limit) {
    throw new TemplateOverrun(`range(${args.join(", ")}) is longer than ${limit} items`);
  }
  return Array.from({ length }, (_, i) => start + i * step);
}
