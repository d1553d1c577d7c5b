import assert from "node:assert/strict";
import { parseDistributions } from "../../../tools/setup/machine.ts";

Deno.test("the distribution comes first and its ancestors after it", () => {
  const text = `NAME="Linux Mint"\nVERSION_ID="22"\nID=linuxmint\nID_LIKE="ubuntu debian"\n`;
  assert.deepEqual(parseDistributions(text), ["linuxmint", "ubuntu", "debian"]);
});

Deno.test("VERSION_ID and the like are not taken for ID", () => {
  assert.deepEqual(parseDistributions(`VERSION_ID="12"\nBUILD_ID=x\nID=debian`), ["debian"]);
});

Deno.test("quotes of both kinds and an empty text are read", () => {
  assert.deepEqual(parseDistributions(`ID='rocky'\nID_LIKE='rhel centos fedora'`), [
    "rocky",
    "rhel",
    "centos",
    "fedora",
  ]);
  assert.deepEqual(parseDistributions(""), []);
});
