import { Hono } from "hono";
import type { AdminGuard } from "./admin_guard.ts";
import { ChatShape } from "./chat_shape.ts";
import { ApiError } from "./errors.ts";
import { readJsonObject } from "./body.ts";
import { routerText } from "../engine/mod.ts";
import { answerBudget, encodePrompt } from "./generation/admission.ts";
import { resolveMixture } from "./generation/mixture.ts";
import { newId, sharedPlan } from "./generation/plan.ts";
import { respond } from "./generation/respond.ts";
import { resolveRouting } from "./generation/routing.ts";
import type { AppDeps } from "./ports.ts";
import type { AppEnv } from "./request_record.ts";
import { type ChatBody, chatMessages, chatSchema } from "./schema/chat.ts";
import { parseBody } from "./schema/parse.ts";
import {
  ignoredFields,
  refuseUnsupported,
  refuseUnsupportedMessages,
} from "./schema/unsupported.ts";

/** `POST /v1/chat/completions`. */
export function chatRoutes(deps: AppDeps, guard: AdminGuard): Hono<AppEnv> {
  const { engine, settings, tokenizer } = deps;
  return new Hono<AppEnv>().post("/v1/chat/completions", async (c) => {
    const raw = await readJsonObject(c.req.raw, { maxBytes: settings.maxBodyBytes });
    refuseUnsupported(raw);
    refuseUnsupportedMessages(raw.messages);
    const body = parseBody(chatSchema, raw);
    const ignored = ignoredFields(raw, chatSchema.shape);
    if (ignored.length > 0) c.get("record").ignoredFields = ignored.join(",");
    const wanted = resolveMixture(body, deps, {
      requireUrls: () => guard.requireRequestUrls(c),
    });
    const routing = resolveRouting(body, deps);
    const id = newId("chatcmpl");
    const shared = sharedPlan(body, { logprobs: logprobCount(body), info: engine.info });
    const limits = { maxModelLen: engine.info.maxModelLen, param: "messages" };
    const messages = chatMessages(body.messages);
    const prompt = await encodePrompt((options) => tokenizer.encodeChat(messages, options), limits);
    const budget = answerBudget(prompt, maxTokens(body), limits);
    return await respond(c, deps, {
      fields: body,
      wanted,
      plan: {
        ...shared,
        id,
        prompts: [prompt],
        maxTokens: [budget],
        continuation: false,
        routing: routing === null ? undefined : {
          options: routing.options,
          texts: [tokenizer.encodeTail(routerText(messages), routing.router.maxTokens)],
        },
      },
      shape: new ChatShape({ id, body, ignored, deps }),
    });
  });
}

/** The newer name wins; both, with different values, contradict each other. */
function maxTokens({ max_tokens: older, max_completion_tokens: newer }: ChatBody): number | null {
  if (typeof older === "number" && typeof newer === "number" && older !== newer) {
    throw new ApiError(
      "invalid_request",
      `"max_tokens" (${older}) and "max_completion_tokens" (${newer}) contradict each other; send one`,
      { param: "max_tokens" },
    );
  }
  return newer ?? older ?? null;
}

function logprobCount({ logprobs, top_logprobs: top }: ChatBody): number | null {
  if (logprobs === true) return top ?? 0;
  if ((top ?? 0) > 0) {
    throw new ApiError(
      "invalid_request",
      `"top_logprobs" needs "logprobs": true; got ${JSON.stringify(logprobs ?? null)}`,
      { param: "top_logprobs" },
    );
  }
  return null;
}
