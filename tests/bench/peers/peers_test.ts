import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { decoderGraph } from "../../../bench/peers/decoder_graph.ts";
import { demoPeers, peersFor, shapePeers } from "../../../bench/peers/mod.ts";
import type { PeerDecoder, PeerName } from "../../../bench/peers/peer.ts";
import { PeerClient } from "../../../bench/peers/peer_client.ts";
import { modelId } from "../../../bench/peers/transformers_decoder.ts";
import { shapes } from "../../../bench/shapes/shapes.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { readModelConfig } from "../../../engine/mod.ts";

const FIXTURES = new URL("../../fixtures/models/", import.meta.url).pathname;
const ANSWER = 8;
const TOLERANCE = 1e-4;

/** What tools/fixtures/models.py computed with PyTorch and transformers in float32. */
interface Expected {
  prompts: { prompt: number[]; logits: number[]; greedy: number[] }[];
}

async function readExpected(model: string): Promise<Expected["prompts"]> {
  const { prompts }: Expected = JSON.parse(
    await Deno.readTextFile(`${FIXTURES}${model}/expected.json`),
  );
  return prompts;
}

async function withPeer(
  peer: PeerName,
  modelDirectory: string,
  test: (decoder: PeerDecoder) => Promise<void>,
): Promise<void> {
  const decoder = await PeerClient.open(peer, { modelDirectory, dtype: "f32", maxModelLen: 128 });
  try {
    await test(decoder);
  } finally {
    await decoder.close();
  }
}

function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

/** Of the expected prompts: a short one and the longest. */
const PROMPTS = [1, -1];

Deno.test("on onnxruntime-web a Llama with scaled rotations and a head of its own has PyTorch's logits and tokens, and rows of a batch what they have alone", async () => {
  const expected = await readExpected("llama");
  await withPeer("onnxruntime-web", `${FIXTURES}llama`, async (decoder) => {
    for (const { prompt, logits, greedy } of PROMPTS.map((i) => expected.at(i)!)) {
      const { tokens, firstLogits } = await decoder.generate([prompt], ANSWER);
      const worst = worstDifference(firstLogits![0], logits);
      assert.ok(worst <= TOLERANCE, `${prompt.length} tokens: off by ${worst}`);
      assert.deepEqual(tokens, [greedy.slice(0, ANSWER)]);
    }
    const long = expected.at(-1)!.prompt;
    const prompts = [long.slice(0, 7), long.slice(7, 14)];
    const { tokens } = await decoder.generate(prompts, 4);
    assert.notDeepEqual(tokens[0], tokens[1]);
    for (const [i, prompt] of prompts.entries()) {
      assert.deepEqual((await decoder.generate([prompt], 4)).tokens, [tokens[i]]);
    }
    await assert.rejects(decoder.generate([[1], [1, 2]], 1), /prompts of 1,2 tokens: one length/);
  });
});

Deno.test("with quick readback a Qwen2 with biases and a tied head has PyTorch's logits and tokens", async () => {
  await withPeer("onnxruntime-web, quick readback", `${FIXTURES}qwen2`, async (decoder) => {
    const { prompt, logits, greedy } = (await readExpected("qwen2"))[1];
    const { tokens, firstLogits } = await decoder.generate([prompt], ANSWER);
    const worst = worstDifference(firstLogits![0], logits);
    assert.ok(worst <= TOLERANCE, `off by ${worst}`);
    assert.deepEqual(tokens, [greedy.slice(0, ANSWER)]);
  });
});

Deno.test("transformers.js draws PyTorch's greedy tokens from the same file, in a folder of any name", async () => {
  await Deno.mkdir(".weft", { recursive: true });
  const directory = await Deno.makeTempDir({ dir: ".weft", prefix: "peer, 4 layers " });
  try {
    for (const file of ["config.json", "model.safetensors"]) {
      await Deno.copyFile(`${FIXTURES}qwen2/${file}`, `${directory}/${file}`);
    }
    await withPeer("transformers.js", directory, async (decoder) => {
      const { prompt, greedy } = (await readExpected("qwen2"))[1];
      const { tokens, restMs } = await decoder.generate([prompt, prompt], ANSWER);
      const expected = greedy.slice(0, ANSWER);
      assert.deepEqual(tokens, [expected, expected]);
      assert.ok(restMs > 0);
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
    assert.equal(existsSync(`.weft/bench/peers/${modelId(directory)}`), false, "files are left");
  }
});

for (const model of ["qwen3", "mistral"]) {
  Deno.test(`${model}, which the graph has no part for, is refused`, async () => {
    const config = await readModelConfig(`${FIXTURES}${model}`);
    assert.throws(
      () => decoderGraph(config, "f32"),
      (error) => error instanceof WeftError && error.code === "unsupported",
    );
  });
}

Deno.test("a model's name for transformers.js is well-formed, whatever its folder's path is", () => {
  // As transformers.js checks it (src/utils/hub/constants.js).
  const wellFormed = /^\b[\w\-.]{1,96}\b$/;
  const shape = ".weft/bench/peers/shapes/qwen2-0.5b-4-layers";
  for (const path of [shape, "models/demo", "/a/b, 4 layers/", `/long/${"folder-".repeat(30)}`]) {
    assert.match(modelId(path), wellFormed);
    assert.doesNotMatch(modelId(path), /--|\.\./);
  }
  assert.equal(modelId(shape), "weft-bench-peers-shapes-qwen2-0-5b-4-layers");
});

Deno.test("a peer that can't be opened says why", async () => {
  const options = { modelDirectory: `${FIXTURES}none`, dtype: "f32", maxModelLen: 8 } as const;
  await assert.rejects(PeerClient.open("onnxruntime-web", options), /none/);
});

Deno.test("each ratio to a peer is of two series of its group", () => {
  for (const isSoftware of [true, false]) {
    const context = { isSoftware, isQuick: true };
    const [shape] = shapes({ layers: 1 });
    for (const group of [demoPeers(context), shapePeers(context, shape)]) {
      const names = group.series.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
      assert.equal(group.ratios!.length, 3 * peersFor(context).length);
      for (const { over, under } of group.ratios!) {
        assert.ok(names.includes(over), over);
        assert.ok(names.includes(under), under);
      }
    }
  }
});
