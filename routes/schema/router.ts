import { z } from "zod";
import { sha256 } from "./adapters.ts";
import { messageList } from "./chat.ts";
import { adapterUrl, text } from "./common.ts";
import { routingFields } from "./routing.ts";

/** The body of `POST /v1/router`. Strict, as every order. */
export const routerSchema = z.strictObject({
  url: adapterUrl,
  sha256: sha256.nullish(),
  /** Null asks for no router in place; left out, nothing is asked. */
  expected_generation: sha256.nullable().optional(),
});

const INPUT_MESSAGE = "expected a text or a list of messages";

/** The body of `POST /v1/route`: one of `input` and `messages`. */
export const routeSchema = z.strictObject({
  model: z.literal("auto", 'expected "auto"').nullish(),
  input: z.union([text.min(1, INPUT_MESSAGE), messageList], INPUT_MESSAGE).nullish(),
  messages: messageList.nullish(),
  ...routingFields,
});

export type RouteBody = z.output<typeof routeSchema>;
