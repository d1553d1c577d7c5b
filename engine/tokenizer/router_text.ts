import { type ChatMessage, templateMessages } from "./chat_messages.ts";

/**
 * A conversation as the router sees it, in training and in service: each message's text and "\n".
 *
 * @throws WeftError `invalid_request` as for a chat template
 */
export function routerText(messages: readonly ChatMessage[]): string {
  return templateMessages(messages).map(({ content }) => `${content}\n`).join("");
}
