import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf, WeftError } from "../engine/core/errors.ts";

/** Node's `parseArgs`. @throws {WeftError} `invalid_request` for flags that there are not. */
export function parseFlags<Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    throw new WeftError("invalid_request", `${messageOf(cause)}; --help lists the flags`, {
      cause,
    });
  }
}

/** A whole number from 1. @throws {WeftError} `invalid_request` for anything else. */
export function countOf(flag: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) {
    refuse(`use --${flag} "${text}"`, "it takes a whole number from 1");
  }
  return Number(text);
}

/** @throws {WeftError} `invalid_request` with what can't be done and what is allowed. */
export function refuse(what: string, allowed: string): never {
  throw new WeftError("invalid_request", `Cannot ${what}: ${allowed}`);
}
