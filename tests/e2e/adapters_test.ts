import assert from "node:assert/strict";
import { join } from "node:path";
import OpenAI from "openai";
import { ask } from "./requests.ts";
import { stepsOf, withServer } from "./server_process.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

/** What is done to a copy of a good adapter, and what the answer must say of it. */
const BROKEN: Record<
  string,
  { damage: (folder: string) => Promise<void>; reason: RegExp; code?: string }
> = {
  cut_off: {
    damage: (folder) => Deno.truncate(join(folder, WEIGHTS), 5000),
    reason: /adapter_model|tensor|bytes/,
  },
  no_safetensors: {
    damage: (folder) => Deno.writeTextFile(join(folder, WEIGHTS), "version https://git-lfs"),
    reason: /header|safetensors|bytes/,
  },
  no_config: {
    damage: (folder) => Deno.remove(join(folder, CONFIG)),
    reason: /adapter_config\.json/,
    code: "missing_file",
  },
  dora: { damage: (folder) => editConfig(folder, { use_dora: true }), reason: /DoRA/ },
  other_rank: { damage: (folder) => editConfig(folder, { r: 3 }), reason: /shape|rank/ },
  other_model: { damage: transposeFirstTensor, reason: /shape/ },
};

async function editConfig(folder: string, change: Record<string, unknown>): Promise<void> {
  const path = join(folder, CONFIG);
  const config = { ...JSON.parse(await Deno.readTextFile(path)), ...change };
  await Deno.writeTextFile(path, JSON.stringify(config));
}

/** Its shape no longer fits the model, everything else is in order. */
async function transposeFirstTensor(folder: string): Promise<void> {
  const path = join(folder, WEIGHTS);
  const bytes = await Deno.readFile(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const edited = header.replace(/"shape":\[(\d+),(\d+)\]/, '"shape":[$2,$1]');
  assert.notEqual(edited, header);
  bytes.set(new TextEncoder().encode(edited), 8);
  await Deno.writeFile(path, bytes);
}

async function copyAdapter(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const file of [CONFIG, WEIGHTS]) await Deno.copyFile(join(from, file), join(to, file));
}

Deno.test("a directory with broken adapters: the good one serves, the others say why not", async (t) => {
  const step = stepsOf(t);
  const directory = await Deno.makeTempDir();
  const demo = "models/demo/adapters";
  const source = join(demo, [...Deno.readDirSync(demo)].map(({ name }) => name).sort()[0]);
  await copyAdapter(source, join(directory, "good"));
  for (const [name, { damage }] of Object.entries(BROKEN)) {
    await copyAdapter(source, join(directory, name));
    await damage(join(directory, name));
  }
  await Deno.mkdir(join(directory, "no_adapter_at_all"));

  try {
    await withServer({ flags: ["--adapters", directory] }, async (server) => {
      await step("all of them are listed", () => {
        assert.deepEqual(server.adapters, ["good", ...Object.keys(BROKEN)].sort());
        return Promise.resolve();
      });

      for (const [name, { reason, code = "bad_adapter" }] of Object.entries(BROKEN)) {
        await step(`${name} is a fault of the server, not to be retried`, async () => {
          const mixture = { lora: [{ id: "good" }, { id: name, scale: 0.1 }] };
          for (const fields of [{ model: name }, mixture]) {
            let id: string | null = null;
            await assert.rejects(() => ask(server, fields), (error) => {
              assert.ok(error instanceof OpenAI.InternalServerError);
              assert.equal(error.status, 500);
              assert.equal(error.code, code);
              assert.equal(error.headers.get("x-should-retry"), "false");
              assert.match(error.message, new RegExp(`Cannot load adapter "${name}"`));
              assert.match(error.message, reason);
              id = error.requestID ?? null;
              return true;
            });
            const line = await server.logged(({ request_id }) => request_id === id);
            assert.equal(line.level, "error");
            assert.match(line.error, reason);
          }
        });
      }

      await step("the good one serves; a repaired one does too, without a restart", async () => {
        const good = await ask(server, { model: "good", logprobs: true });
        await copyAdapter(source, join(directory, "dora"));
        const repaired = await ask(server, { model: "dora", logprobs: true });
        assert.deepEqual(repaired.choices, good.choices);
      });
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
