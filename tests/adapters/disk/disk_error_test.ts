import assert from "node:assert/strict";
import { asDiskError } from "../../../adapters/disk/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";

Deno.test("the system's words for a full disk become disk_full, and no others do", () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    const full = Object.assign(new Error(`${code}, write '/secret/path'`), { code });
    const mapped = asDiskError(full);
    assert.ok(mapped instanceof WeftError);
    assert.deepEqual([mapped.code, mapped.reason, mapped.cause], [
      "unavailable",
      "disk_full",
      full,
    ]);
    assert.doesNotMatch(mapped.message, /path/);
  }
  const absent = Object.assign(new Error("absent"), { code: "ENOENT" });
  assert.equal(asDiskError(absent), absent);
  assert.equal(asDiskError("text"), "text");
});
