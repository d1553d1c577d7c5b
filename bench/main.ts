/** `deno task bench [name…]`: prints this machine's figures. Without a name, all of them. */
import { printFigures } from "./measure.ts";
import { benchAdapters } from "./adapters/mod.ts";
import { benchDemo } from "./demo/mod.ts";
import { benchPlatform } from "./platform/mod.ts";

const BENCHES = { platform: benchPlatform, demo: benchDemo, adapters: benchAdapters };

function isBench(name: string): name is keyof typeof BENCHES {
  return Object.hasOwn(BENCHES, name);
}

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
for (const name of names) {
  if (!isBench(name)) {
    console.error(`No benchmark is called "${name}"; there is ${Object.keys(BENCHES).join(", ")}`);
    Deno.exit(2);
  }
  const load = Deno.build.os === "windows" ? "" : `, load ${Deno.loadavg()[0].toFixed(1)}`;
  console.log(
    `\n## ${name}: Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores${load}\n`,
  );
  printFigures(await BENCHES[name]());
}
