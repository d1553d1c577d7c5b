import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import { ChatTemplate, type ChatTemplateOptions } from "../../../engine/tokenizer/chat_template.ts";

const MESSAGES = [{ role: "user", content: "Hi" }];

async function withTemplate(
  source: string,
  body: (template: ChatTemplate) => Promise<void>,
  options: ChatTemplateOptions = {},
): Promise<void> {
  const template = await ChatTemplate.load(source, { variables: { bos_token: "<s>" }, ...options });
  try {
    await body(template);
  } finally {
    template.close();
  }
}

async function failure(promise: Promise<unknown>): Promise<WeftError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof WeftError, String(error));
    return error;
  }
  assert.fail("expected an error");
}

/** Templates that would run for minutes or fill the memory. */
const ENDLESS: Record<string, string> = {
  "a range of 10^9": "{% for i in range(1000000000) %}x{% endfor %}",
  "nested ranges": "{% for i in range(40000) %}{% for j in range(40000) %}{% endfor %}{% endfor %}",
  "deep nesting over messages": `${"{% for a in messages %}".repeat(20)}${
    "{% endfor %}".repeat(20)
  }`,
  "a string that doubles":
    "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
  "a list that doubles":
    "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
  "one call over a nested list that shares its parts":
    "{% set ns = namespace(a=[1]) %}{% for i in range(40) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | tojson }}",
  "many large strings kept":
    "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% set ns.a = ns.a + [range(5000) | join | upper] %}{% endfor %}",
  "endless recursion": "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
};

for (const [name, source] of Object.entries(ENDLESS)) {
  Deno.test(`a template with ${name} is refused in time and the thread stays free`, async () => {
    const start = performance.now();
    let last = start;
    let longest = 0;
    const ticker = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 20);
    try {
      // Refused at loading, or, where the template fails outright, at rendering.
      const error = await failure(
        withTemplate(source, async (template) => {
          await template.render({ messages: MESSAGES, addGenerationPrompt: true });
        }, { deadlineMs: 1500 }),
      );
      assert.match(error.code, /^(bad_model|unsupported)$/);
      assert.match(error.message, /chat template/);
      const elapsed = performance.now() - start;
      assert.ok(elapsed < 8000, `took ${elapsed} ms`);
      assert.ok(longest < 1000, `this thread was blocked for ${longest} ms`);
    } finally {
      clearInterval(ticker);
    }
  });
}

Deno.test("a conversation that makes a template slow is refused, and the next one is served", async () => {
  // Quadratic in the number of messages, as real templates are.
  const source =
    "{% for a in messages %}{% for b in messages %}{% if a.content == b.content %}{% endif %}" +
    "{% endfor %}{% endfor %}done";
  await withTemplate(source, async (template) => {
    const many = Array.from({ length: 20_000 }, () => MESSAGES[0]);
    const slow = failure(template.render({ messages: many, addGenerationPrompt: true }));
    const waiting = template.render({ messages: MESSAGES, addGenerationPrompt: true });
    const error = await slow;
    assert.equal(error.code, "too_large");
    assert.match(error.message, /20000 messages.*did not finish in 700 ms/);
    assert.equal(await waiting, "done");
  }, { deadlineMs: 700 });
});

Deno.test("a rendering of many megabytes is refused", async () => {
  const source = "{% for m in messages %}{{ m.content }}{{ m.content }}{{ m.content }}{% endfor %}";
  await withTemplate(source, async (template) => {
    const messages = [{ role: "user", content: "x".repeat(4_000_000) }];
    const error = await failure(template.render({ messages, addGenerationPrompt: true }));
    assert.equal(error.code, "too_large");
    assert.match(error.message, /1 message with.*grew beyond 8388608 characters/);
    messages[0].content = "x".repeat(2_000_000);
    const text = await template.render({ messages, addGenerationPrompt: true });
    assert.equal(text.length, 6_000_000);
  });
});

Deno.test("raise_exception refuses the conversation in the template's own words", async () => {
  await withTemplate("{{ raise_exception('Only system messages, please') }}", async (template) => {
    const error = await failure(template.render({ messages: MESSAGES, addGenerationPrompt: true }));
    assert.equal(error.code, "invalid_request");
    assert.equal(error.param, "messages");
    assert.match(error.message, /Only system messages, please/);
  });
});

Deno.test("a syntax error is found at loading", async () => {
  const error = await failure(withTemplate("{% for m in messages %}", async () => {}));
  assert.equal(error.code, "bad_model");
  assert.match(error.message, /Cannot compile the model's chat template/);
});

Deno.test("a template that fails on a conversation is unsupported, and goes on serving others", async () => {
  await withTemplate("{{ messages[1].content | nofilter if messages[1] }}ok", async (template) => {
    const two = [...MESSAGES, ...MESSAGES];
    const error = await failure(template.render({ messages: two, addGenerationPrompt: true }));
    assert.equal(error.code, "unsupported");
    assert.equal(await template.render({ messages: MESSAGES, addGenerationPrompt: true }), "ok");
  });
});

Deno.test("templates see what Python gives them", async () => {
  const source =
    "{{ bos_token }}|{{ add_generation_prompt }}|{{ tools is none }}|{{ documents is none }}|" +
    "{{ range(1, 8, 3) | join(',') }}|{{ None is none and True and not False }}|{{ strftime_now('%Y') }}";
  await withTemplate(source, async (template) => {
    const text = await template.render({ messages: MESSAGES, addGenerationPrompt: false });
    assert.equal(text, `<s>|false|true|true|1,4,7|true|${new Date().getFullYear()}`);
  });
});

Deno.test("closing ends a rendering under way, and later ones", async () => {
  const source =
    "{% for m in messages[4:] %}{% for i in range(90000) %}{% for j in range(90000) %}" +
    "{% endfor %}{% endfor %}{% endfor %}";
  const template = await ChatTemplate.load(source, { variables: {}, deadlineMs: 60_000 });
  const messages = Array.from({ length: 5 }, () => MESSAGES[0]);
  const running = failure(template.render({ messages, addGenerationPrompt: true }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  template.close();
  assert.match((await running).message, /closed/);
  const later = await failure(template.render({ messages, addGenerationPrompt: true }));
  assert.equal(later.code, "unavailable");
});
