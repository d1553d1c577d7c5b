import assert from "node:assert/strict";
import { WeftError } from "../../engine/core/errors.ts";

/** Registers a test for each command line that `parse` is to refuse, and what the error says. */
export function testRefusals(
  parse: (args: string[]) => unknown,
  cases: readonly (readonly [args: string, message: RegExp])[],
): void {
  for (const [args, message] of cases) {
    Deno.test(`"${args}" is refused with what is allowed`, () => {
      assert.throws(
        () => parse(args.split(" ")),
        (error) =>
          error instanceof WeftError && error.code === "invalid_request" &&
          message.test(error.message),
      );
    });
  }
}
