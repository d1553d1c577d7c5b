import assert from "node:assert/strict";
import { stepsOf, type TestServer, withServer } from "./server_process.ts";

/** Where the README's server is; the tests' is elsewhere. */
const README_URL = "http://127.0.0.1:8000";

/** How each language of a code block is run, with the code on stdin. */
const RUNNERS: Record<string, string[]> = {
  sh: ["sh"],
  ts: [Deno.execPath(), "run", "--no-prompt", "--allow-env", "--allow-net=127.0.0.1", "-"],
  python: ["python3", "-"],
};

const readme = await Deno.readTextFile("README.md");
const [, section] = /^## Ask it something\n(.*?)^## /ms.exec(readme) ?? [];
const snippets = [...(section ?? "").matchAll(/^```(\w+)\n(.*?)^```$/gms)]
  .map(([, language, code]) => ({ language, code }));

Deno.test("the README's snippets and the line the server prints get answers", async (t) => {
  const languages = new Set(snippets.map(({ language }) => language));
  assert.deepEqual([...languages], Object.keys(RUNNERS));
  const step = stepsOf(t);
  // The examples set no limit; a model that never ends its answer shall not take minutes.
  await withServer({ flags: ["--max-model-len", "128"] }, async (server) => {
    const seen = new Set<string>();
    for (const { language, code } of snippets) {
      await step(`${language}, from the README`, async () => {
        assert.ok(code.includes(README_URL));
        const output = await pipe(RUNNERS[language], code.replaceAll(README_URL, server.url));
        await assertAnswered(server, { output, seen });
      }, {
        // Nothing else here needs Python, so its client may be missing.
        ignore: language === "python" && !await succeeds("python3", ["-c", "import openai"]),
      });
    }

    await step("curl, as the server prints it", async () => {
      const [, line] = /^Try +(curl .*)/ms.exec(server.process.stdout)!;
      const output = await pipe(["sh"], line);
      assert.match(output, /^data: \{.*\[DONE\]\n\n$/s);
      await assertAnswered(server, { output, seen });
    });
  });
});

/** The server answered what a program asked that printed this. What a model draws may be empty. */
async function assertAnswered(
  server: TestServer,
  { output, seen }: { output: string; seen: Set<string> },
): Promise<void> {
  const line = await server.logged(({ path, request_id }) =>
    path === "/v1/chat/completions" && !seen.has(request_id)
  );
  seen.add(line.request_id);
  assert.equal(line.status, 200, `${JSON.stringify(line)}\n${output}`);
  assert.ok(line.completion_tokens > 0);
}

/** What a program prints that reads `input`; it must succeed. */
async function pipe([program, ...args]: string[], input: string): Promise<string> {
  const options = { args, stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, options).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}
