import assert from "node:assert/strict";
import { readCommand } from "../../../tools/router/options.ts";

const MAIN = new URL("../../../tools/router/main.ts", import.meta.url).pathname;
const MODEL = new URL("../../../models/demo", import.meta.url).pathname;
const NEEDED = ["--data", "d", "--model", "m", "--out", "o"];

Deno.test("a training has defaults for all but data, model and out", () => {
  const command = readCommand(["train", ...NEEDED, "--seed", "7", "--no-balance"]);
  assert.ok(command.kind === "train");
  const { seed, width, hidden, epochs, maxTokens, balance } = command.options;
  assert.deepEqual([seed, width, hidden, epochs, maxTokens, balance], [
    7,
    32,
    256,
    null,
    256,
    false,
  ]);
});

const BAD: [string[], RegExp][] = [
  [["fly"], /Cannot run "fly": allowed are train and eval/],
  [["train"], /without --data/],
  [["train", "--data", "d", "--out", "o"], /without --model/],
  [["eval", "--data", "d", "--model", "m"], /without --router/],
  [["train", ...NEEDED, "--width", "2"], /--width "2": whole numbers from 4 to 256/],
  [["train", ...NEEDED, "--hidden", "8.5"], /--hidden "8\.5": whole numbers from 8 to 1024/],
  [["train", ...NEEDED, "--valid-share", "x"], /--valid-share "x": numbers from 0\.01 to 0\.5/],
  [["train", ...NEEDED, "--speed", "9"], /Cannot read the arguments: .*--speed/],
];

for (const [args, message] of BAD) {
  Deno.test(`"${args.join(" ")}" is refused with what is allowed`, () => {
    assert.throws(() => readCommand(args), message);
  });
}

Deno.test("help is told for the whole and for both commands", () => {
  for (const args of [[], ["--help"], ["train", "--help"], ["eval", "--help"]]) {
    const command = readCommand(args);
    assert.ok(command.kind === "help" && command.text.includes("deno task router"));
  }
});

function command(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--cached-only", "--frozen", "--no-check", "--allow-read"]
      .concat("--allow-write", "--allow-env", MAIN, ...args),
    stdout: "piped",
    stderr: "piped",
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("the command trains with the task's permissions, and Ctrl-C keeps the best so far", async () => {
  const folder = await Deno.makeTempDir();
  const [data, out] = [`${folder}/data.jsonl`, `${folder}/router.onnx`];
  const lines = Array.from(
    { length: 200 },
    (_, i) =>
      JSON.stringify({ input: `word ${i} ${i % 2 ? "odd" : "even"}`, output: i % 2 ? "a" : "b" }),
  );
  await Deno.writeTextFile(data, lines.join("\n"));
  const args = ["train", "--data", data, "--model", MODEL, "--out", out];
  const child = command(...args, "--epochs", "10000").spawn();
  const reader = child.stderr.getReader();
  let said = "";
  while (!said.includes("right")) said += text((await reader.read()).value!);
  child.kill("SIGINT");
  while (!(await reader.read()).done);
  reader.releaseLock();
  const [{ code }, output] = await Promise.all([child.status, new Response(child.stdout).text()]);
  assert.equal(code, 0, said + output);
  assert.match(said, /step \d+ of \d+, loss .*, at most \d+ s left/);
  assert.match(output, /interrupted/);
  assert.match(output, /Wrote .*router\.onnx/);
  const report = JSON.parse(await Deno.readTextFile(`${folder}/router.report.json`));
  assert.equal(report.end, "interrupted");
  assert.equal((await Deno.stat(out)).size, report.bytes);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what can't be used ends the command with a line and code 1, bad arguments with 2", async () => {
  const folder = await Deno.makeTempDir();
  const data = `${folder}/data.jsonl`;
  await Deno.writeTextFile(data, '{"input": "a", "output": "a"}\nnot JSON\n');
  const flags = ["--data", data, "--model", MODEL];
  const cases: [string[], number, RegExp][] = [
    [["train", ...flags, "--out", `${folder}/r.onnx`], 1, /^router: Cannot use line 2 of ".*"/],
    [["train", ...flags, "--out", `${folder}/r.txt`], 1, /^router: Cannot write ".*\.onnx/],
    [["train", ...flags, "--out", `${folder}/no/r.onnx`], 1, /^router: Cannot write .*no folder/],
    [["eval", ...flags, "--router", `${folder}/no.onnx`], 1, /^router: Cannot read the router/],
    [["eval", ...flags, "--router", data], 1, /^router: reading the router file: it is no ONNX/],
    [["train"], 2, /^router: Cannot start without --data/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stderr } = await command(...args).output();
    assert.equal(code, expected, text(stderr));
    assert.match(text(stderr), message);
  }
  await Deno.remove(folder, { recursive: true });
});
