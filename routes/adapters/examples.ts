import type { z } from "zod";
import { MAX_EXAMPLE_LENGTH } from "../../adapters/mod.ts";
import { routerText } from "../../engine/mod.ts";
import { ApiError } from "../errors.ts";
import { chatMessages } from "../schema/chat.ts";
import type { putSchema } from "../schema/adapters.ts";

/** A put's example prompts as plain texts, which `routerText` makes of them again; undefined where none are given. Throws for one that is too long. */
export function exampleTexts(
  { examples }: Pick<z.output<typeof putSchema>, "examples">,
): string[] | undefined {
  return examples?.map((example, i) => {
    const text = typeof example === "string"
      ? example
      : routerText(chatMessages(example)).replace(/\n$/, "");
    if (text.length <= MAX_EXAMPLE_LENGTH && !text.includes("\0")) return text;
    const param = `examples[${i}]`;
    throw new ApiError(
      "invalid_request",
      `Invalid value for "${param}": expected at most ${MAX_EXAMPLE_LENGTH} characters in all and ` +
        `no NUL among them; got ${text.length} characters`,
      { param },
    );
  });
}
