import assert from "node:assert/strict";
import { sseResponse } from "../../routes/sse.ts";

async function* count(ended: string[]): AsyncGenerator<object, void> {
  try {
    for (let n = 0; n < 3; n++) {
      await Promise.resolve();
      yield { n, text: "line\nbreak" };
    }
  } finally {
    ended.push("chunks");
  }
}

function options(ended: string[], maxStallMs = 60_000) {
  return {
    maxStallMs,
    onError: (error: unknown) => ({ error: String(error) }),
    onCancel: () => void ended.push("cancel"),
    onEnd: () => Promise.resolve(void ended.push("end")),
  };
}

Deno.test("each chunk is one data line, whatever text it holds", async () => {
  const ended: string[] = [];
  const text = await sseResponse(count(ended), options(ended)).text();
  const lines = [0, 1, 2].map((n) => `data: {"n":${n},"text":"line\\nbreak"}\n\n`);
  assert.equal(text, lines.join("") + "data: [DONE]\n\n");
  assert.deepEqual(ended, ["chunks", "end"]);
});

Deno.test("a reader that takes nothing for too long counts as gone", async () => {
  const ended: string[] = [];
  const reader = sseResponse(count(ended), options(ended, 20)).body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.deepEqual(ended, ["cancel", "chunks", "end"]);
  await assert.rejects(() => reader.read(), /stopped reading/);
});
