/**
 * `deno task bench [name…]`: prints this machine's figures. Without a name, all of them.
 * `shapes=Qwen2-1.5B,Llama-3-8B` runs those shapes alone.
 */
import { printFigures } from "./measure.ts";
import { benchAdapters } from "./adapters/mod.ts";
import { benchDemo } from "./demo/mod.ts";
import { benchPlatform } from "./platform/mod.ts";
import { benchShapes } from "./shapes/mod.ts";

const BENCHES = {
  platform: benchPlatform,
  demo: benchDemo,
  adapters: benchAdapters,
  shapes: benchShapes,
};

function isBench(name: string): name is keyof typeof BENCHES {
  return Object.hasOwn(BENCHES, name);
}

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
for (const argument of names) {
  const [name, choice] = argument.split("=", 2);
  if (!isBench(name) || (choice !== undefined && name !== "shapes")) {
    console.error(
      `No benchmark is called "${argument}"; there is ${Object.keys(BENCHES).join(", ")}`,
    );
    Deno.exit(2);
  }
  const load = Deno.build.os === "windows" ? "" : `, load ${Deno.loadavg()[0].toFixed(1)}`;
  console.log(
    `\n## ${name}: Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores${load}\n`,
  );
  printFigures(await BENCHES[name](choice));
}
