import assert from "node:assert/strict";
import fc from "fast-check";
import { type AdapterFiles, parsePeftAdapter } from "../../../adapters/peft/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { readAdapter, TINY_LLAMA } from "../fixtures.ts";

const options = { model: TINY_LLAMA, maxRank: 16 };
const good = await Promise.all(
  ["rank_pattern", "regex_lookahead", "layers_single", "bfloat16"].map((name) =>
    readAdapter(`good/${name}`)
  ),
);
const runs = { numRuns: 400 };

/** Whatever the bytes: an adapter whose numbers are sound, or a `bad_adapter` error. */
async function parsesOrRefuses(files: AdapterFiles): Promise<void> {
  try {
    const { modules } = await parsePeftAdapter(files, options);
    for (const { a, b, rank, scale } of modules) {
      assert.ok(rank >= 1 && rank <= 16 && Number.isFinite(scale));
      assert.ok(a.every(Number.isFinite) && b.every(Number.isFinite));
    }
  } catch (error) {
    assert.ok(error instanceof WeftError, String(error));
    assert.equal(error.code, "bad_adapter", error.message);
  }
}

const file = fc.constantFrom<keyof AdapterFiles>("config", "weights");
const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });

Deno.test("flipped bytes give an adapter or a bad_adapter error", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...good),
      file,
      edits,
      fc.boolean(),
      async (files, which, changes, early) => {
        const bytes = files[which].slice();
        // Most of a weights file is numbers; its first bytes are the header.
        const span = early ? Math.min(bytes.length, 1500) : bytes.length;
        for (const [at, value] of changes) bytes[at % span] = value;
        await parsesOrRefuses({ ...files, [which]: bytes });
      },
    ),
    runs,
  );
});

Deno.test("cut and extended files give a bad_adapter error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...good), file, fc.nat(), async (files, which, cut) => {
      const bytes = files[which].subarray(0, cut % files[which].length);
      await assert.rejects(parsePeftAdapter({ ...files, [which]: bytes }, options), {
        code: "bad_adapter",
      });
    }),
    runs,
  );
});

const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    "all-linear",
    ".*",
    "(a+)+$",
    ["q_proj"],
    [],
    {},
    null,
    -1,
    0,
    1e308,
    2 ** 53,
    true,
  ),
  fc.dictionary(
    fc.constantFrom("q_proj", ".*", "(", "__proto__", "layers.1.*"),
    fc.integer({ max: 20 }),
  ),
);
const KEYS = [
  ...[
    "r",
    "lora_alpha",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "target_modules",
    "exclude_modules",
  ],
  ...[
    "layers_to_transform",
    "layers_pattern",
    "init_lora_weights",
    "bias",
    "peft_type",
    "modules_to_save",
  ],
  ...[
    "use_dora",
    "loftq_config",
    "trainable_token_indices",
    "fan_in_fan_out",
    "constructor",
    "__proto__",
  ],
];

Deno.test("odd values in the configuration give an adapter or a bad_adapter error", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...good),
      fc.dictionary(fc.constantFrom(...KEYS), odd),
      async (files, changes) => {
        const config = { ...JSON.parse(new TextDecoder().decode(files.config)), ...changes };
        await parsesOrRefuses({
          ...files,
          config: new TextEncoder().encode(JSON.stringify(config)),
        });
      },
    ),
    runs,
  );
});

Deno.test("any text as target_modules gives an adapter or a bad_adapter error, in bounded time", async () => {
  const fragment = fc.constantFrom(
    ...[
      ".*",
      "(",
      ")",
      "|",
      "q_proj",
      "[a-z]+",
      "*",
      "+?",
      "{2,}",
      "{0,99999}",
      "\\d",
      "\\",
      "(?:",
      "(?=",
      "(?!",
    ],
    ...["model", "[^.]", "^", "$", "(?P<a>", "(?i)", "{", "]", "\\b", "(.*)*"],
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fragment, { maxLength: 12 }), async (fragments) => {
      const [files] = good;
      const config = JSON.parse(new TextDecoder().decode(files.config));
      config.target_modules = fragments.join("");
      await parsesOrRefuses({ ...files, config: new TextEncoder().encode(JSON.stringify(config)) });
    }),
    runs,
  );
});

Deno.test("deeply nested and huge configurations are refused", async () => {
  const [files] = good;
  for (
    const text of [
      "[".repeat(400_000) + "]".repeat(400_000),
      `{"r":${"1".repeat(999_000)}}`,
      "x".repeat(1_000_001),
    ]
  ) {
    const config = new TextEncoder().encode(text);
    await assert.rejects(parsePeftAdapter({ ...files, config }, options), { code: "bad_adapter" });
  }
});
