import { Hono } from "hono";
import { routerText } from "../engine/mod.ts";
import type { AdminGuard } from "./admin_guard.ts";
import { readJsonObject } from "./body.ts";
import { ApiError } from "./errors.ts";
import { answerBudget, encodePrompt } from "./generation/admission.ts";
import { resolveMixture } from "./generation/mixture.ts";
import { newId, sharedPlan } from "./generation/plan.ts";
import { respond } from "./generation/respond.ts";
import { resolveRouting } from "./generation/routing.ts";
import { CompletionShape } from "./completion_shape.ts";
import { requireToken } from "./generation/sampling.ts";
import { DEFAULT_COMPLETION_TOKENS, MAX_CHOICES } from "./limits.ts";
import type { AppDeps } from "./ports.ts";
import type { AppEnv } from "./request_record.ts";
import { type CompletionBody, completionSchema, promptList } from "./schema/completions.ts";
import { parseBody } from "./schema/parse.ts";
import { ignoredFields, refuseUnsupported } from "./schema/unsupported.ts";

/** `POST /v1/completions`. */
export function completionRoutes(deps: AppDeps, guard: AdminGuard): Hono<AppEnv> {
  const { engine: { info }, settings } = deps;
  return new Hono<AppEnv>().post("/v1/completions", async (c) => {
    const raw = await readJsonObject(c.req.raw, { maxBytes: settings.maxBodyBytes });
    refuseUnsupported(raw);
    const body = parseBody(completionSchema, raw);
    refuseUnsupportedEcho(body);
    const ignored = ignoredFields(raw, completionSchema.shape);
    if (ignored.length > 0) c.get("record").ignoredFields = ignored.join(",");
    const wanted = resolveMixture(body, deps, {
      requireUrls: () => guard.requireRequestUrls(c),
    });
    const routing = resolveRouting(body, deps);
    const id = newId("cmpl");
    const shared = sharedPlan(body, { logprobs: body.logprobs ?? null, info });
    const prompts = await encodePrompts(body, deps);
    if (prompts.length * shared.n > MAX_CHOICES) {
      throw new ApiError(
        "invalid_request",
        `${prompts.length} prompts with "n" ${shared.n} are ${prompts.length * shared.n} ` +
          `answers: at most ${MAX_CHOICES} are allowed in one request`,
        { param: "n" },
      );
    }
    const maxTokens = prompts.map(({ tokens, param }) =>
      answerBudget(tokens, body.max_tokens ?? DEFAULT_COMPLETION_TOKENS, {
        maxModelLen: info.maxModelLen,
        param,
      })
    );
    const echo = body.echo === true ? prompts.map(({ text }) => text()) : null;
    return await respond(c, deps, {
      fields: body,
      wanted,
      plan: {
        ...shared,
        id,
        prompts: prompts.map(({ tokens }) => tokens),
        maxTokens,
        continuation: true,
        routing: routing === null ? undefined : {
          options: routing.options,
          texts: prompts.map(({ tail }) => tail(routing.router.maxTokens)),
        },
      },
      shape: new CompletionShape({ id, body, ignored, deps, echo }),
    });
  });
}

function refuseUnsupportedEcho({ echo, logprobs }: CompletionBody): void {
  if (echo !== true || typeof logprobs !== "number") return;
  throw new ApiError(
    "unsupported",
    'This server computes no log-probabilities of the prompt: "echo" and "logprobs" cannot be ' +
      "combined",
    { param: "logprobs" },
  );
}

interface EncodedPrompt {
  tokens: Uint32Array;
  /** The field it came from. */
  param: string;
  /** The prompt as text, for `echo`. */
  text: () => string;
  /** Its end, as the router sees it. */
  tail: (maxTokens: number) => Uint32Array;
}

async function encodePrompts(
  body: CompletionBody,
  { tokenizer, engine: { info } }: AppDeps,
): Promise<EncodedPrompt[]> {
  const { maxModelLen, model: { vocabSize } } = info;
  const prompts = promptList(body.prompt);
  const nested = Array.isArray(body.prompt) && typeof body.prompt[0] !== "number";
  const encoded: EncodedPrompt[] = [];
  for (const [p, prompt] of prompts.entries()) {
    const param = nested ? `prompt[${p}]` : "prompt";
    if (typeof prompt === "string") {
      const encode = (options: { maxTokens: number }) => tokenizer.encode(prompt, options);
      const tokens = await encodePrompt(encode, { maxModelLen, param });
      const tail = (most: number) => tokenizer.encodeTail(routerText(prompt), most);
      encoded.push({ tokens, param, text: () => prompt, tail });
    } else {
      prompt.forEach((token, i) => requireToken(token, { vocabSize, param: `${param}[${i}]` }));
      encoded.push({
        tokens: Uint32Array.from(prompt),
        param,
        text: () => tokenizer.decode(prompt),
        tail: (most) =>
          Uint32Array.from(prompt.filter((token) => !tokenizer.isSpecial(token)).slice(-most)),
      });
    }
  }
  return encoded;
}
