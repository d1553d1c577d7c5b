import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../command.ts";
import { installOnce, placeOf } from "./place.ts";

/** What pins Azurite and all it needs; apart from the project's own packages. */
const PINNED = fileURLToPath(new URL("../../../tests/services/azurite/", import.meta.url));
const FILES = ["package.json", "deno.json", "deno.lock"];

/** @returns whether there was anything to do. @throws {Error} with what to do about it. */
export async function installAzurite(): Promise<boolean> {
  const stamp = await Promise.all(FILES.map((name) => readFile(join(PINNED, name), "utf8")));
  return await installOnce(placeOf("azurite"), {
    stamp: stamp.join(""),
    async fill(folder) {
      for (const name of FILES) await copyFile(join(PINNED, name), join(folder, name));
      const install = ["install", "--frozen", "--quiet", "--config", join(folder, "deno.json")];
      const { success, tail } = await run([Deno.execPath(), ...install]);
      if (success) return;
      throw new Error(
        `${tail}\nCan't install Azurite, which tests need. Check that the npm registry can be ` +
          "reached, then run the command again.",
      );
    },
  });
}
