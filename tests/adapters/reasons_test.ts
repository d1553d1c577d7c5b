import assert from "node:assert/strict";
import { ADAPTER_REASONS, adapterError, type AdapterReason } from "../../adapters/reasons.ts";
import { WeftError } from "../../engine/core/errors.ts";
import { replyTo } from "../../routes/errors.ts";

/** Also 422, but only to the admin who gave the URL. */
const BAD_CONTENT = 500;

Deno.test("docs/ADAPTERS.md lists every error code with its status", async () => {
  const page = await Deno.readTextFile("docs/ADAPTERS.md");
  const listed = new Map(
    [...page.matchAll(/^\| `(\w+)` +\| (\d{3}) +\|/gm)].map(([, code, status]) => [code, +status]),
  );
  for (const reason of Object.keys(ADAPTER_REASONS) as AdapterReason[]) {
    const { status } = replyTo(adapterError(reason, "why"), "id");
    assert.equal(listed.get(reason), status === BAD_CONTENT ? 422 : status, reason);
    listed.delete(reason);
  }
  const full = new WeftError("overloaded", "why", { reason: "gpu_full" });
  assert.deepEqual([...listed], [["gpu_full", replyTo(full, "id").status]]);
});
