import assert from "node:assert/strict";
import type { Machine } from "../../../tools/setup/machine.ts";
import { explainFailure, planSetup } from "../../../tools/setup/plan.ts";

const DEBIAN_ROOT: Machine = { os: "linux", distributions: ["debian"], isRoot: true };
const APT = "apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers";

Deno.test("a machine with an adapter is ready whatever it is", () => {
  for (const os of ["linux", "darwin", "windows", "freebsd"] as const) {
    const plan = planSetup({ os, distributions: [], isRoot: false }, {
      description: "Some GPU",
      isFallback: false,
    });
    assert.deepEqual(plan, { kind: "ready", message: "WebGPU runs on Some GPU." });
  }
});

Deno.test("a software driver is called one", () => {
  const plan = planSetup(DEBIAN_ROOT, { description: "llvmpipe", isFallback: true });
  assert.equal(plan.kind, "ready");
  assert.match(plan.message, /llvmpipe.*software driver/);
});

Deno.test("root on Debian or a descendant installs the loader and the software driver, no more", () => {
  for (const distributions of [["debian"], ["ubuntu", "debian"], ["linuxmint", "ubuntu"]]) {
    const plan = planSetup({ ...DEBIAN_ROOT, distributions }, null);
    assert(plan.kind === "install", `${distributions}: ${plan.kind}`);
    assert.deepEqual(plan.commands.map((command) => command.join(" ")), ["apt-get update", APT]);
    assert.match(plan.message, /installing libvulkan1 and mesa-vulkan-drivers/);
  }
});

Deno.test("without root the message ends with the exact command, with sudo before each part", () => {
  const plan = planSetup({ ...DEBIAN_ROOT, isRoot: false }, null);
  assert.equal(plan.kind, "instruct");
  assert(plan.message.trimEnd().endsWith(`sudo apt-get update && sudo ${APT}`), plan.message);
});

Deno.test("other known distributions are told their own command and nothing is installed", () => {
  const cases: [string[], string][] = [
    [["fedora"], "dnf install"],
    [["rocky", "rhel", "centos", "fedora"], "dnf install"],
    [["arch"], "pacman -S"],
    [["manjaro", "arch"], "pacman -S"],
    [["opensuse-tumbleweed", "opensuse", "suse"], "zypper install"],
    [["alpine"], "apk add"],
  ];
  for (const [distributions, command] of cases) {
    for (const isRoot of [true, false]) {
      const plan = planSetup({ os: "linux", distributions, isRoot }, null);
      assert.equal(plan.kind, "instruct");
      assert(plan.message.includes(`\n  ${isRoot ? "" : "sudo "}${command}`), plan.message);
    }
  }
});

Deno.test("an unknown distribution or system is told what is missing, without a command", () => {
  const unknown: Machine[] = [
    { os: "linux", distributions: [], isRoot: true },
    { os: "linux", distributions: ["constructor", "nixos"], isRoot: true },
    { os: "darwin", distributions: [], isRoot: false },
    { os: "windows", distributions: [], isRoot: false },
    { os: "freebsd", distributions: [], isRoot: true },
  ];
  for (const machine of unknown) {
    const plan = planSetup(machine, null);
    assert.equal(plan.kind, "instruct");
    assert.match(plan.message, /Vulkan|Metal|Direct3D/);
    assert.doesNotMatch(plan.message, /sudo|apt-get/);
  }
});

Deno.test("a failed installation names its reason and repeats the command", () => {
  const message = explainFailure(DEBIAN_ROOT, `"apt-get" failed`);
  assert.match(message, /^"apt-get" failed\./);
  assert(message.trimEnd().endsWith(`  apt-get update && ${APT}`), message);
});
