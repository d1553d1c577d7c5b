import type { Machine } from "./machine.ts";
import type { ProbedAdapter } from "./probe.ts";

/** What setup does next about the GPU driver. */
export type Plan =
  | { kind: "ready"; message: string }
  /** Run these commands in order, then look again. */
  | { kind: "install"; message: string; commands: readonly (readonly string[])[] }
  /** Setup can't help: the message ends with what to type or do. */
  | { kind: "instruct"; message: string };

/** How each family of distributions installs the Vulkan loader and Mesa's software driver. */
const INSTALL_COMMANDS: Record<string, readonly string[]> = {
  debian: [
    "apt-get update",
    "apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers",
  ],
  fedora: ["dnf install -y vulkan-loader mesa-vulkan-drivers"],
  arch: ["pacman -S --needed vulkan-icd-loader vulkan-swrast"],
  suse: ["zypper install libvulkan1 libvulkan_lvp"],
  alpine: ["apk add vulkan-loader mesa-vulkan-swrast"],
};

/** Names in os-release that stand for a family under another name. */
const FAMILY_ALIASES: Record<string, string> = {
  ubuntu: "debian",
  rhel: "fedora",
  centos: "fedora",
  opensuse: "suse",
};

const OWN_DRIVER = "For a hardware GPU install its vendor's Vulkan driver instead " +
  "(in NVIDIA containers: NVIDIA_DRIVER_CAPABILITIES=all).";

/** Decides from facts alone what setup does, so that every machine's case can be tested on one. */
export function planSetup(machine: Machine, adapter: ProbedAdapter | null): Plan {
  if (adapter) {
    const kind = adapter.isFallback ? " (a software driver: correct, but slow)" : "";
    return { kind: "ready", message: `WebGPU runs on ${adapter.description}${kind}.` };
  }
  if (machine.os !== "linux") return { kind: "instruct", message: adviceFor(machine.os) };
  const family = familyOf(machine.distributions);
  if (family === "debian" && machine.isRoot) {
    return {
      kind: "install",
      message: "No WebGPU adapter found: installing libvulkan1 and mesa-vulkan-drivers " +
        `(Mesa's software driver) with apt-get. ${OWN_DRIVER}`,
      commands: INSTALL_COMMANDS.debian.map((command) => command.split(" ")),
    };
  }
  return { kind: "instruct", message: explainFailure(machine, "No WebGPU adapter found") };
}

/** The message that gives a reason and ends with what to type or do on this machine. */
export function explainFailure(machine: Machine, reason: string): string {
  const family = familyOf(machine.distributions);
  if (family === null) {
    return `${reason}. Install a Vulkan loader and a Vulkan driver (Mesa's lavapipe where there ` +
      `is no GPU) with this system's package manager, then run the command again. ${OWN_DRIVER}`;
  }
  const sudo = machine.isRoot ? "" : "sudo ";
  const line = INSTALL_COMMANDS[family].map((command) => sudo + command).join(" && ");
  return `${reason}. ${OWN_DRIVER}\n` +
    `Mesa's software driver works on any machine. Type this, then run the command again:\n\n` +
    `  ${line}\n`;
}

function familyOf(distributions: readonly string[]): string | null {
  for (const name of distributions) {
    const family = FAMILY_ALIASES[name] ?? name;
    if (Object.hasOwn(INSTALL_COMMANDS, family)) return family;
  }
  return null;
}

function adviceFor(os: Machine["os"]): string {
  switch (os) {
    case "darwin":
      return "No WebGPU adapter found. Metal is part of macOS: run this on the Mac itself, " +
        "not in a virtual machine without GPU access.";
    case "windows":
      return "No WebGPU adapter found. Install the current driver of this machine's GPU " +
        "(Direct3D 12 or Vulkan), then run the command again.";
    default:
      return `No WebGPU adapter found, and Weft doesn't know how to get one on "${os}". ` +
        "It needs Vulkan, Metal or Direct3D 12.";
  }
}
