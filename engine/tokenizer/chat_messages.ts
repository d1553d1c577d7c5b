import { WeftError } from "../core/errors.ts";

export const CHAT_ROLES = ["system", "developer", "user", "assistant", "tool"] as const;
export type ChatRole = typeof CHAT_ROLES[number];

/** A message as the API takes it. */
export interface ChatMessage {
  role: ChatRole;
  /** Text, or text parts that are joined; null and absent are the empty text. */
  content?: string | readonly { type: "text"; text: string }[] | null;
  name?: string;
}

/** A message as templates see it. */
export interface TemplateMessage {
  role: string;
  content: string;
  name?: string;
}

/**
 * Messages in the one form templates know: text contents, `developer` as `system`, lone surrogates as U+FFFD.
 *
 * @throws WeftError `invalid_request` (param `messages`…) for no messages, an unknown role or a part that is no text
 */
export function templateMessages(messages: readonly ChatMessage[]): TemplateMessage[] {
  if (messages.length === 0) {
    throw new WeftError(
      "invalid_request",
      "Cannot render a chat without messages: give at least one",
      {
        param: "messages",
      },
    );
  }
  return messages.map((message, index) => {
    const { role, name } = message;
    if (!CHAT_ROLES.includes(role)) {
      throw new WeftError(
        "invalid_request",
        `Cannot use role ${JSON.stringify(role)}: allowed are ${CHAT_ROLES.join(", ")}`,
        { param: `messages[${index}].role` },
      );
    }
    const content = textOf(message.content, index).toWellFormed();
    const normalised: TemplateMessage = { role: role === "developer" ? "system" : role, content };
    if (name !== undefined) normalised.name = name.toWellFormed();
    return normalised;
  });
}

function textOf(content: ChatMessage["content"], index: number): string {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  return content.map((part, partIndex) => {
    if (part?.type !== "text" || typeof part.text !== "string") {
      throw new WeftError(
        "invalid_request",
        `Cannot use a content part of type ${JSON.stringify(part?.type)}: only {"type": "text"}`,
        { param: `messages[${index}].content[${partIndex}]` },
      );
    }
    return part.text;
  }).join("");
}
