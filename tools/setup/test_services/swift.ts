import { access, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../command.ts";
import { type Machine, readMachine } from "../machine.ts";
import { downloadPackages } from "./apt.ts";
import { installOnce, placeOf } from "./place.ts";

/** Names a Python that can import Swift, for machines where it isn't taken from Debian's packages. */
export const OWN_PYTHON = "WEFT_TEST_SWIFT_PYTHON";
const SYSTEM_PYTHON = "/usr/bin/python3";
/** What the server imports first; a Python that can't isn't of use. */
const IMPORTS = "import swift.proxy.server, swift.common.middleware.s3api.s3api";

/** How Swift is run. */
export interface SwiftPython {
  python: string;
  env: Record<string, string>;
}

/** The Python that has Swift, once it was installed. */
export async function findSwift(): Promise<SwiftPython> {
  const own = Deno.env.get(OWN_PYTHON);
  return own ? { python: own, env: {} } : await pythonIn(placeOf("swift"));
}

/** @returns whether there was anything to do. @throws {Error} with what to do about it. */
export async function installSwift(): Promise<boolean> {
  if (Deno.env.get(OWN_PYTHON)) {
    await checkImports(await findSwift());
    return false;
  }
  const machine = await readMachine();
  if (!canInstall(machine)) {
    throw new Error(explainSwift("Nothing is known to install it from here"));
  }
  return await installOnce(placeOf("swift"), {
    // Its extensions are made for one Python of one release.
    stamp: [
      await readFile("/etc/os-release", "utf8"),
      await readlink(SYSTEM_PYTHON).catch(() => "no Python"),
    ].join(""),
    async fill(folder) {
      const downloads = join(folder, "apt");
      const { files, problem } = await downloadPackages("python3-swift", downloads);
      if (problem) throw new Error(explainSwift(`apt-get can't download it:\n${problem}`));
      for (const file of files) {
        const { success, tail } = await run(["dpkg-deb", "-x", file, folder]);
        if (!success) throw new Error(explainSwift(`dpkg-deb can't unpack ${file}:\n${tail}`));
      }
      await rm(downloads, { recursive: true });
      await checkImports(await pythonIn(folder));
    },
  });
}

/** Whether Swift is among the packages of this machine's distribution. */
export function canInstall({ os, distributions }: Machine): boolean {
  return os === "linux" && distributions.some((name) => name === "debian" || name === "ubuntu");
}

/** The message that gives a reason and ends with what to type. */
export function explainSwift(reason: string): string {
  return `Tests need Swift, an S3 server, and it isn't there. ${reason}\n` +
    "It is taken from Debian's or Ubuntu's packages (python3-swift), without root. Anywhere else " +
    "install it with pip\nand say where, then run the command again:\n\n" +
    "  python3 -m venv ~/weft-swift && ~/weft-swift/bin/pip install swift==2.38.3\n" +
    `  export ${OWN_PYTHON}=~/weft-swift/bin/python\n`;
}

async function pythonIn(folder: string): Promise<SwiftPython> {
  const triplet = `${Deno.build.arch}-linux-gnu`;
  // Downloaded where the system has none.
  const unpacked = join(folder, SYSTEM_PYTHON);
  const isUnpacked = await access(unpacked).then(() => true, () => false);
  return {
    python: isUnpacked ? unpacked : SYSTEM_PYTHON,
    env: {
      PYTHONPATH: join(folder, "usr/lib/python3/dist-packages"),
      PYTHONNOUSERSITE: "1",
      LD_LIBRARY_PATH: ["usr/lib", "lib"].map((lib) => join(folder, lib, triplet)).join(":"),
      ...isUnpacked && { PYTHONHOME: join(folder, "usr") },
    },
  };
}

async function checkImports({ python, env }: SwiftPython): Promise<void> {
  const { success, tail } = await run([python, "-c", IMPORTS], env);
  if (!success) throw new Error(explainSwift(`"${python}" can't import it:\n${tail}`));
}
