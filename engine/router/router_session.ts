import type * as Ort from "onnxruntime-web/webgpu";
import { messageOf, WeftError } from "../core/errors.ts";
import { hideSubgroups, loadOrt } from "./ort.ts";
import { readRouterFile, type RouterFile } from "./router_file.ts";

/** GPU buffers of one run; valid until `dispose`. */
export interface RouterOutput {
  /** f32 [n, classes]. */
  logits: GPUBuffer;
  /** f32 [n, D]; null when the router has none. */
  features: GPUBuffer | null;
  dispose(): void;
}

/** Where a run reads its rows: int32 [n, sequence] each, usage STORAGE | COPY_SRC | COPY_DST. */
export interface RouterInput {
  inputIds: GPUBuffer;
  attentionMask: GPUBuffer;
}

/** A router open on the engine's own device, its weights resident. */
export class RouterSession {
  readonly file: RouterFile;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;

  private constructor(file: RouterFile, ort: typeof Ort, session: Ort.InferenceSession) {
    this.file = file;
    this.#ort = ort;
    this.#session = session;
  }

  /** @throws WeftError `bad_adapter`, reason `bad_router`, when the file or onnxruntime refuses */
  static async open(device: GPUDevice, data: Uint8Array): Promise<RouterSession> {
    const file = readRouterFile(data);
    const ort = await loadOrt();
    hideSubgroups(device);
    try {
      const session = await ort.InferenceSession.create(data, {
        executionProviders: [
          { name: "webgpu", device } as Ort.InferenceSession.WebGpuExecutionProviderOption,
        ],
        preferredOutputLocation: "gpu-buffer",
        logSeverityLevel: 3,
      });
      return new RouterSession(file, ort, session);
    } catch (cause) {
      throw new WeftError(
        "bad_adapter",
        `opening the router: onnxruntime refused it: ${messageOf(cause).slice(0, 300)}`,
        { reason: "bad_router", cause },
      );
    }
  }

  /** Submits one batch of `rows` × `sequence` token ids; resolves once it is submitted. */
  async run(
    input: RouterInput,
    { rows, sequence }: { rows: number; sequence: number },
  ): Promise<RouterOutput> {
    const wrap = (buffer: GPUBuffer) =>
      this.#ort.Tensor.fromGpuBuffer(buffer, { dataType: "int32", dims: [rows, sequence] });
    const output = await this.#session.run({
      input_ids: wrap(input.inputIds),
      attention_mask: wrap(input.attentionMask),
    });
    return {
      logits: output.logits.gpuBuffer as GPUBuffer,
      features: output.features ? output.features.gpuBuffer as GPUBuffer : null,
      dispose: () => Object.values(output).forEach((tensor) => tensor.dispose()),
    };
  }

  /** Frees the weights. No run may be under way. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}
