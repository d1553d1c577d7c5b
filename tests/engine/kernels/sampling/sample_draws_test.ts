import assert from "node:assert/strict";
import {
  philoxReference,
  randomReference,
  uniformReference,
} from "../../../../engine/kernels/sampling/reference.ts";
import drawWgsl from "../../../../engine/kernels/sampling/draw.wgsl" with { type: "text" };
import { kernelTest, randoms } from "../harness.ts";
import { PLAIN, type RowSetup, SamplerBench } from "./sampler_bench.ts";

/** Pearson's statistic of observed counts against probabilities. */
function chiSquare(counts: ArrayLike<number>, probabilities: ArrayLike<number>): number {
  const total = Array.from(counts).reduce((a, b) => a + b, 0);
  return Array.from(counts).reduce((sum, count, i) => {
    const expected = total * probabilities[i];
    return sum + (count - expected) ** 2 / expected;
  }, 0);
}

/** About the 99.99th percentile of chi-square (Wilson and Hilferty). */
function chiSquareLimit(freedom: number): number {
  const spread = 2 / (9 * freedom);
  return freedom * (1 - spread + 3.72 * Math.sqrt(spread)) ** 3;
}

kernelTest("20,480 draws follow the softmax, along seeds and along indices", async (bench) => {
  const vocab = 12;
  const logits = randoms(vocab, 9, 2);
  const temperature = 0.8;
  const weights = [...logits].map((v) => Math.exp(v / temperature));
  const sum = weights.reduce((a, b) => a + b);
  const probabilities = weights.map((w) => w / sum);
  const sampler = new SamplerBench(bench, { maxBatch: 128, vocab, maxSteps: 160 });
  const rows = (seed: (i: number) => number) =>
    Array.from({ length: 128 }, (_, i): RowSetup => ({
      logits,
      sampling: { ...PLAIN, temperature, seed: seed(i) },
    }));
  const tokens = await sampler.run(rows((i) => i), { steps: 160 });
  const counts = new Uint32Array(vocab);
  const pairs = new Uint32Array(vocab * vocab);
  const neighbours = new Uint32Array(vocab * vocab);
  tokens.forEach((row, step) =>
    row.forEach((token, i) => {
      counts[token]++;
      if (step % 2 === 1) pairs[tokens[step - 1][i] * vocab + token]++;
      if (i % 2 === 1) neighbours[row[i - 1] * vocab + token]++;
    })
  );
  assert.ok(chiSquare(counts, probabilities) < chiSquareLimit(vocab - 1));
  const joint = probabilities.flatMap((p) => probabilities.map((q) => p * q));
  assert.ok(chiSquare(pairs, joint) < chiSquareLimit(vocab * vocab - 1), "successive tokens");
  assert.ok(chiSquare(neighbours, joint) < chiSquareLimit(vocab * vocab - 1), "successive seeds");
});

kernelTest("a token depends on logits, seed and index, not on the batch", async (bench) => {
  const vocab = 2050;
  const sampler = new SamplerBench(bench, { maxBatch: 40, vocab, maxSteps: 5 });
  const settings = [{}, { topK: 9 }, { topP: 0.9 }, {
    topP: 0.8,
    topK: 300,
    repetitionPenalty: 1.3,
  }];
  const rows = Array.from({ length: 40 }, (_, i): RowSetup => ({
    logits: randoms(vocab, 50 + i, 6),
    sampling: { ...PLAIN, ...settings[i % 4], seed: 4_000_000_000 + i },
  }));
  const together = await sampler.run(rows, { steps: 5 });
  for (const i of [0, 1, 2, 3, 17, 38, 39]) {
    const alone = await sampler.run([rows[i]], { steps: 5, places: [(i * 7) % 40] });
    assert.deepEqual(alone.flat(), together.map((step) => step[i]));
  }
  // A preempted row goes on as if nothing had happened.
  const answerTokens = together.slice(0, 3).map((step) => step[3]);
  const resumed = await sampler.run([{ ...rows[3], answerTokens }], { steps: 2, places: [11] });
  assert.deepEqual(resumed.flat(), together.slice(3).map((step) => step[3]));
});

Deno.test("the generator gives Philox2x32-10's published answers", () => {
  const pi = [0x243f6a88, 0x85a308d3, 0x13198a2e];
  assert.deepEqual(philoxReference(0, 0, 0), [0xff1dae59, 0x6cd10df2]);
  assert.deepEqual(philoxReference(-1 >>> 0, -1 >>> 0, -1 >>> 0), [0x2c3f628b, 0xab4fd7ad]);
  assert.deepEqual(philoxReference(pi[2], pi[0], pi[1]), [0xdd7ce038, 0xf62a4c12]);
});

const UNIFORMS = `
struct Params { seed: u32, index: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> bits: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  bits[id.x] = bitcast<u32>(uniform_of(philox(params.seed, vec2(id.x, params.index)).x));
}`;

kernelTest("the GPU's uniform numbers are the host's, bit for bit", async (bench) => {
  const count = 64 * 1024;
  const bits = bench.u32(count);
  const kernel = bench.kernels.get("uniforms", [drawWgsl, UNIFORMS].join("\n"));
  for (const [seed, index] of [[0, 0], [4_294_967_295, 7], [123_456_789, 4_000_000_000]]) {
    kernel.bind({ bits }, bench.uniforms).dispatch(bench.recorder, { seed, index }, [1024]);
    const got = new Float32Array((await bench.readU32(bits, count)).slice().buffer);
    const expected = Float32Array.from(
      got,
      (_, token) => uniformReference(randomReference(seed, index, token)),
    );
    assert.deepEqual(got, expected);
  }
});

Deno.test("the uniform numbers are uniform, fine near zero, and never 0 or 1", () => {
  assert.equal(uniformReference(0), 2 ** -32);
  assert.equal(uniformReference(0xffffffff), 1 - 2 ** -24);
  assert.equal(uniformReference(0x80000000), 0.5);
  const bits = new Uint32Array(32);
  const cells = new Uint32Array(256);
  for (let seed = 0; seed < 8; seed++) {
    for (let index = 0; index < 32; index++) {
      for (let token = 0; token < 1024; token++) {
        const random = randomReference(seed, index, token);
        assert.equal(Math.fround(uniformReference(random)), uniformReference(random));
        cells[random >>> 24]++;
        for (let bit = 0; bit < 32; bit++) bits[bit] += random >>> bit & 1;
      }
    }
  }
  assert.ok(chiSquare(cells, new Float64Array(256).fill(1 / 256)) < chiSquareLimit(255));
  const draws = 8 * 32 * 1024;
  for (const ones of bits) assert.ok(Math.abs(ones - draws / 2) < 5 * Math.sqrt(draws) / 2);
});
