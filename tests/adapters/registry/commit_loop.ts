/**
 * Run by crash_test.ts, which kills it: until then commits numbered batches, each followed by a setting, and prints
 * a number once both of its commits have returned.
 */
import { Registry } from "../../../adapters/registry/mod.ts";
import { batchOf } from "./numbered_rows.ts";

const [path, first] = Deno.args;
const registry = Registry.open(path);
for (let number = Number(first);; number++) {
  registry.putAll(batchOf(number));
  registry.setSetting("latest", String(number));
  // Straight to the pipe: what was printed was committed.
  Deno.stdout.writeSync(new TextEncoder().encode(`${number}\n`));
}
