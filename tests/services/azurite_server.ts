/**
 * Runs Azurite's blob service, and ends it with standard input: it never outlives the test that started it.
 *
 * Usage: azurite_server.ts PATH_OF_MAIN [ARGUMENT...]
 */
import { createRequire } from "node:module";
import process from "node:process";

const [main, ...args] = Deno.args;
process.argv = [Deno.execPath(), main, ...args];
Deno.stdin.readable.pipeTo(new WritableStream()).finally(() => Deno.exit(0));
createRequire(main)(main);
