import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine } from "../../../../tools/setup/machine.ts";
import { downloadPackages } from "../../../../tools/setup/test_services/apt.ts";
import { installOnce } from "../../../../tools/setup/test_services/place.ts";
import { canInstall, explainSwift } from "../../../../tools/setup/test_services/swift.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "weft-services-"));
  try {
    await test(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("what is installed stays until its stamp differs, and appears whole or not at all", () =>
  withFolder(async (folder) => {
    const place = join(folder, "service");
    const fill = (text: string) => (into: string) => writeFile(join(into, "file"), text);
    assert.equal(await installOnce(place, { stamp: "1", fill: fill("one") }), true);
    assert.equal(await installOnce(place, { stamp: "1", fill: fill("never") }), false);
    assert.equal(await readFile(join(place, "file"), "utf8"), "one");
    assert.equal(await installOnce(place, { stamp: "2", fill: fill("two") }), true);
    assert.equal(await readFile(join(place, "file"), "utf8"), "two");

    const fails = (into: string) => fill("half")(into).then(() => Promise.reject(new Error("no")));
    await assert.rejects(installOnce(place, { stamp: "3", fill: fails }), /no/);
    assert.equal(await readFile(join(place, "file"), "utf8"), "two");
    assert.deepEqual(await readdir(folder), ["service"]);
  }));

Deno.test("a package that no list has is told by apt-get's own words", {
  ignore: !canInstall({ os: Deno.build.os, distributions: distributions(), isRoot: false }),
}, () =>
  withFolder(async (folder) => {
    // Lists of its own, of no source: nothing is asked for over the network.
    const config = join(folder, "apt.conf");
    await writeFile(config, `Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "/dev/null";`);
    const name = "weft-no-such-package";
    const { files, problem } = await downloadPackages(name, join(folder, "apt"), {
      APT_CONFIG: config,
    });
    assert.deepEqual(files, []);
    assert.match(problem!, /Unable to locate package weft-no-such-package/);
  }));

Deno.test("Swift comes from Debian's family only; elsewhere the message ends with what to type", () => {
  const machine = (distributions: string[], os: Machine["os"] = "linux"): Machine => ({
    os,
    distributions,
    isRoot: true,
  });
  for (const known of [["debian"], ["ubuntu", "debian"], ["linuxmint", "ubuntu", "debian"]]) {
    assert(canInstall(machine(known)));
  }
  for (const unknown of [machine(["fedora"]), machine([]), machine([], "darwin")]) {
    assert(!canInstall(unknown));
  }
  const message = explainSwift("Because.");
  assert.match(message, /^Tests need Swift, an S3 server, and it isn't there\. Because\.\n/);
  assert.match(message, /pip install swift==[\d.]+\n {2}export WEFT_TEST_SWIFT_PYTHON=\S+\n$/);
});

function distributions(): string[] {
  try {
    return /^ID=debian|^ID_LIKE=.*debian/m.test(Deno.readTextFileSync("/etc/os-release"))
      ? ["debian"]
      : [];
  } catch {
    return [];
  }
}
