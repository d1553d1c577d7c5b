import type * as Ort from "onnxruntime-web/webgpu";
import { messageOf, WeftError } from "../core/errors.ts";
import { createSession, withOrt } from "./ort.ts";
import { readRouterFile, type RouterFile } from "./router_file.ts";

/** GPU buffers of one run, at least as large as said; valid until `dispose`. */
export interface RouterOutput {
  /** f32 [rows, classes]. */
  logits: GPUBuffer;
  /** f32 [rows, D]; null when the router has none. */
  features: GPUBuffer | null;
  /**
   * Gives the buffers back. May be called as soon as the commands that read them are submitted: a
   * later run writes them later in the queue.
   */
  dispose(): void;
}

/** Where a run reads its rows: int32 [rows, sequence] each, at the start, usage STORAGE. */
export interface RouterInput {
  inputIds: GPUBuffer;
  attentionMask: GPUBuffer;
}

/** A router open on the engine's own device, its weights resident. */
export class RouterSession {
  readonly file: RouterFile;
  readonly #device: GPUDevice;
  readonly #session: Ort.InferenceSession;
  readonly #outputs = new Set<RouterOutput>();
  #closed = false;

  private constructor(file: RouterFile, device: GPUDevice, session: Ort.InferenceSession) {
    this.file = file;
    this.#device = device;
    this.#session = session;
  }

  /** @throws WeftError `bad_adapter`, reason `bad_router`, when the file or onnxruntime refuses */
  static async open(device: GPUDevice, data: Uint8Array): Promise<RouterSession> {
    const file = readRouterFile(data);
    return await withOrt(async (ort) => {
      try {
        const session = await createSession(ort, device, data);
        return new RouterSession(file, device, session);
      } catch (cause) {
        throw new WeftError(
          "bad_adapter",
          `opening the router: onnxruntime refused it: ${messageOf(cause).slice(0, 300)}`,
          { reason: "bad_router", cause },
        );
      }
    });
  }

  /** Submits one batch of `rows` × `sequence` token ids; resolves once it is submitted. */
  async run(
    input: RouterInput,
    { rows, sequence }: { rows: number; sequence: number },
  ): Promise<RouterOutput> {
    return await withOrt(async (ort) => {
      const wrap = (buffer: GPUBuffer) =>
        ort.Tensor.fromGpuBuffer(buffer, { dataType: "int32", dims: [rows, sequence] });
      const output = await this.#session.run({
        input_ids: wrap(input.inputIds),
        attention_mask: wrap(input.attentionMask),
      });
      return {
        logits: output.logits.gpuBuffer as GPUBuffer,
        features: output.features ? output.features.gpuBuffer as GPUBuffer : null,
        dispose: () => Object.values(output).forEach((tensor) => tensor.dispose()),
      };
    });
  }

  /** Frees the weights. No run may be under way. */
  async close(): Promise<void> {
    await withOrt(() => this.#session.release());
  }
}
