import { type ChatMessage, templateMessages } from "./chat_messages.ts";

/**
 * What the router sees of a conversation before an answer, in training and in service: each message's
 * text and "\n". A plain text is one message.
 *
 * @throws WeftError `invalid_request` as for a chat template
 */
export function routerText(messages: string | readonly ChatMessage[]): string {
  if (typeof messages === "string") return `${messages}\n`;
  return templateMessages(messages).map(({ content }) => `${content}\n`).join("");
}
