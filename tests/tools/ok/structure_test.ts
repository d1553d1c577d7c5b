import assert from "node:assert/strict";
import { houseRuleViolations, MAX_LINES } from "../../../tools/ok/house_rules.ts";
import { importsOf } from "../../../tools/ok/imports.ts";
import { readSourceFiles } from "../../../tools/ok/source_files.ts";
import { structureViolations } from "../../../tools/ok/structure.ts";

const MODULE = [
  `import { a } from "./a.ts";`,
  `import type { B } from "../core/b.ts";`,
  `import {`,
  `  c,`,
  `  type D,`,
  `} from './c.ts';`,
  `import "./effect.ts";`,
  `export * from "./all.ts";`,
  `export { one } from "./one.ts";`,
  `import shader from "./x.wgsl" with { type: "text" };`,
  `import { z } from "zod";`,
  `const lazy = await import("./lazy.ts");`,
  `const worker = new Worker(new URL("./worker.ts", import.meta.url));`,
  `// import { no } from "./comment.ts";`,
  `/* import { no } from "./block.ts"; */`,
  `/**`,
  ` * import { no } from "./doc.ts";`,
  ` */`,
  `export const text = "from './string.ts'";`,
  `  const quoted = 'import { no } from "./quoted.ts";';`,
].join("\n");

Deno.test("every way to name another module is found; packages, comments and strings aren't", () => {
  assert.deepEqual(importsOf("engine/gpu/mod.ts", MODULE).map(({ to }) => to), [
    "engine/core/b.ts",
    "engine/gpu/a.ts",
    "engine/gpu/all.ts",
    "engine/gpu/c.ts",
    "engine/gpu/effect.ts",
    "engine/gpu/lazy.ts",
    "engine/gpu/one.ts",
    "engine/gpu/worker.ts",
    "engine/gpu/x.wgsl",
  ]);
});

Deno.test("a violation names the file, the import and the reason", () => {
  const violations = structureViolations([
    { path: "engine/gpu/device.ts", text: `import type { M } from "../model/mod.ts";\n` },
    { path: "engine/model/mod.ts", text: `import { D } from "../gpu/device.ts";\n` },
  ]);
  assert.deepEqual(violations, [
    "engine/gpu/device.ts: imports engine/model/mod.ts: engine/gpu may import engine/core",
    "engine/model/mod.ts: imports engine/gpu/device.ts: " +
    "outsiders import engine/gpu/ through engine/gpu/mod.ts",
    "import cycle: engine/gpu/device.ts → engine/model/mod.ts → engine/gpu/device.ts",
  ]);
});

Deno.test("the longest allowed file passes and one line more doesn't", () => {
  const longest = "x\n".repeat(MAX_LINES);
  assert.deepEqual(houseRuleViolations("a.ts", longest), []);
  assert.match(houseRuleViolations("a.ts", longest + "x\n")[0], /501 lines, at most 500/);
  assert.deepEqual(houseRuleViolations("data.json", longest + "x\n"), []);
});

Deno.test("a path of one machine is found with its line; URLs and relative paths are not", () => {
  // Put together here, so that this file keeps the rule itself.
  const path = ["", "home", "ada"].join("/");
  assert.deepEqual(houseRuleViolations("docs/A.md", `fine\nsee ${path}/weft\n`), [
    `docs/A.md:2: "${path}" is a path of one machine`,
  ]);
  for (const fine of ["https://x.org/home/ada", "tools/work/x", "./root/x", "${HOME}/work/x"]) {
    assert.deepEqual(houseRuleViolations("docs/A.md", fine), []);
  }
});

Deno.test("this checkout keeps its own rules", async () => {
  const files = await readSourceFiles(".");
  assert(files.some(({ path }) => path === "tools/ok/layers.ts"));
  assert.deepEqual(structureViolations(files), []);
});
