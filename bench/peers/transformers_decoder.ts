import { cp, mkdir, realpath, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { openModelDirectory } from "../../engine/loader/mod.ts";
import { decoderFile } from "./decoder_file.ts";
import { commonLength, type PeerAnswer, type PeerDecoder, type PeerOptions } from "./peer.ts";

type Library = typeof import("@huggingface/transformers");
type Model = Awaited<ReturnType<Library["AutoModelForCausalLM"]["from_pretrained"]>>;

/** Where the models are written in the layout that transformers.js reads. */
const DIRECTORY = ".weft/bench/peers";
/** Of its settings' LogLevel. */
const NO_LOG = 50;

/**
 * The model on transformers.js with device "webgpu": `generate()`, which is what its text-generation
 * pipeline calls between tokenizer and detokenizer.
 */
export class TransformersDecoder implements PeerDecoder {
  readonly #library: Library;
  readonly #model: Model;

  private constructor(library: Library, model: Model) {
    this.#library = library;
    this.#model = model;
  }

  /** Once a thread, which must not need its `location`. */
  static async open(options: PeerOptions): Promise<TransformersDecoder> {
    const name = modelId(options.modelDirectory);
    const directory = join(DIRECTORY, name);
    try {
      await writeOnnxDirectory(directory, options);
      const library = await importLibrary();
      const { env } = library;
      env.allowRemoteModels = false;
      env.allowLocalModels = true;
      env.localModelPath = `${pathToFileURL(resolve(DIRECTORY))}/`;
      const model = await library.AutoModelForCausalLM.from_pretrained(name, {
        device: "webgpu",
        dtype: options.dtype === "f16" ? "fp16" : "fp32",
      });
      return new TransformersDecoder(library, model);
    } finally {
      // Its memory has the model now, as much again as the files.
      await rm(directory, { recursive: true, force: true });
    }
  }

  async generate(prompts: readonly number[][], maxTokens: number): Promise<PeerAnswer> {
    const start = performance.now();
    const shape = [prompts.length, commonLength(prompts)];
    const { Tensor } = this.#library;
    const int64 = (values: number[]) =>
      new Tensor("int64", BigInt64Array.from(values, BigInt), shape);
    const tokens: number[][] = prompts.map(() => []);
    // The first is the prompt's; then one for each token.
    let calls = 0;
    let firstAt = 0;
    const put = (value: bigint[][]) => {
      if (calls++ === 0) return;
      if (calls === 2) firstAt = performance.now();
      value.forEach((ids, row) => tokens[row].push(...ids.map(Number)));
    };
    await this.#model.generate(
      {
        inputs: int64(prompts.flat()),
        attention_mask: int64(prompts.flat().fill(1)),
        max_new_tokens: maxTokens,
        do_sample: false,
        eos_token_id: null,
        streamer: { put, end: () => {} },
      } as unknown as Parameters<Model["generate"]>[0],
    );
    const end = performance.now();
    return { tokens, firstMs: firstAt - start, restMs: end - firstAt };
  }

  async close(): Promise<void> {
    await this.#model.dispose();
  }
}

/**
 * A folder's path as a model's name. Where transformers.js finds a name not well-formed, such as one that
 * begins with a dot, it doesn't look in `localModelPath` at all; 96 characters are the most.
 */
export function modelId(path: string): string {
  return path.replaceAll(/\W+/g, "-").slice(-96).replaceAll(/^-+|-+$/g, "");
}

async function writeOnnxDirectory(directory: string, options: PeerOptions): Promise<void> {
  const { modelDirectory, dtype, maxModelLen } = options;
  await mkdir(join(directory, "onnx"), { recursive: true });
  for (const file of ["config.json", "generation_config.json"]) {
    await cp(join(modelDirectory, file), join(directory, file)).catch(ignoreMissing);
  }
  using model = await openModelDirectory(modelDirectory);
  await writeFile(
    join(directory, "onnx", dtype === "f16" ? "model_fp16.onnx" : "model.onnx"),
    await decoderFile(model, { dtype, positions: maxModelLen }),
  );
}

function ignoreMissing(error: { code?: string }): void {
  if (error.code !== "ENOENT") throw error;
}

/** The web build with files for network addresses: it would fetch its WebAssembly from a CDN. */
async function importLibrary(): Promise<Library> {
  // onnxruntime's loader takes its own folder where there is no location (engine/router/ort.ts).
  delete (globalThis as { location?: unknown }).location;
  const library = await import("@huggingface/transformers/web") as unknown as Library;
  const { env } = library;
  const runtime = await runtimeFile();
  env.logLevel = NO_LOG as typeof env.logLevel;
  env.useBrowserCache = false;
  const { wasm } = env.backends.onnx;
  if (!wasm) throw new Error("transformers.js has no WebAssembly backend here");
  wasm.numThreads = 1;
  wasm.wasmPaths = {
    mjs: pathToFileURL(`${runtime}.mjs`).href,
    wasm: pathToFileURL(`${runtime}.wasm`).href,
  };
  // It would import the module from a blob URL, which Deno refuses. Where it can't be fetched, it is
  // imported from where it lies.
  env.fetch = (input, init) =>
    String(input).endsWith(".mjs")
      ? Promise.resolve(new Response(null, { status: 404 }))
      : fetch(input, init);
  return library;
}

/** The WebAssembly of the onnxruntime-web that transformers.js was made with, without the extension. */
async function runtimeFile(): Promise<string> {
  const entry = await realpath(fileURLToPath(import.meta.resolve("@huggingface/transformers/web")));
  // …/node_modules/@huggingface/transformers/dist/transformers.web.js
  const packages = resolve(entry, "../../../..");
  return join(
    await realpath(join(packages, "onnxruntime-web")),
    "dist",
    "ort-wasm-simd-threaded.asyncify",
  );
}
