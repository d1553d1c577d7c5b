import { z } from "zod";
import type { ChatMessage } from "../ports.ts";
import { MAX_MESSAGES, MAX_TOP_LOGPROBS } from "../limits.ts";
import { flag, generationFields, integer, text } from "./common.ts";
import { routingFields } from "./routing.ts";

const textPart = z.looseObject({ type: z.literal("text"), text });

const content = z.union([
  text,
  z.array(textPart).min(1, "expected at least one part"),
], 'expected a string or a list of {type: "text", text} parts');

const message = z.discriminatedUnion("role", [
  z.looseObject({ role: z.enum(["system", "developer", "user"]), content, name: text.nullish() }),
  // An assistant turn may be empty in histories that other tools write.
  z.looseObject({ role: z.literal("assistant"), content: content.nullish(), name: text.nullish() }),
], 'expected a message with a role of "system", "developer", "user" or "assistant"');

export const messageList = z.array(message, "expected a list of messages")
  .min(1, "expected at least one message")
  .max(MAX_MESSAGES, `expected at most ${MAX_MESSAGES} messages`);

/** The body of `POST /v1/chat/completions`. */
export const chatSchema = z.looseObject({
  ...generationFields,
  ...routingFields,
  messages: messageList,
  max_completion_tokens: integer(1, Number.MAX_SAFE_INTEGER),
  logprobs: flag,
  top_logprobs: integer(0, MAX_TOP_LOGPROBS),
});

export type ChatBody = z.output<typeof chatSchema>;

/** The conversation for the tokenizer, without the fields it does not know. */
export function chatMessages(messages: ChatBody["messages"]): ChatMessage[] {
  return messages.map(({ role, content, name }) => ({
    role,
    content: Array.isArray(content) ? content.map(({ type, text }) => ({ type, text })) : content,
    ...(typeof name === "string" ? { name } : {}),
  }));
}
