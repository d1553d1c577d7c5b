import type * as Ort from "onnxruntime-web/jspi";
import { messageOf, WeftError } from "../core/errors.ts";
import { deviceView } from "./device_view.ts";
import { PipelineGate } from "./pipeline_gate.ts";
import { Turns } from "./turns.ts";

/** What a run gives, by the names of the graph's outputs. */
export type OrtValues = Ort.InferenceSession.OnnxValueMapType;

/**
 * onnxruntime's module holds one WebAssembly instance a thread, which can do one thing at a time: a
 * second call while one awaits hangs both. So everything in a thread that calls it takes turns.
 */
const turns = new Turns();

/** The reason of every error once onnxruntime has broken down. */
export const RUNTIME_LOST = "router_runtime_lost";

/** What ended that instance for good, if anything did. */
let spoiled: string | null = null;

/**
 * Runs `work` with onnxruntime when no other work uses it.
 * @throws WeftError `unavailable`, reason `RUNTIME_LOST`, once onnxruntime has broken down
 */
export function withOrt<T>(work: (ort: typeof Ort) => Promise<T>): Promise<T> {
  return turns.take(async () => {
    if (spoiled !== null) {
      throw new WeftError(
        "unavailable",
        `Cannot use the router: onnxruntime broke down (${spoiled}); restart the server`,
        { reason: RUNTIME_LOST },
      );
    }
    try {
      return await work(await loadOrt());
    } catch (error) {
      // A trap leaves the instance anywhere; what it computes afterwards can't be trusted.
      if (error instanceof WebAssembly.RuntimeError) spoiled = messageOf(error);
      throw error;
    }
  });
}

/**
 * Loads onnxruntime in the background, which takes half a second, while other things load. What fails
 * here fails again, and is told, when a router opens.
 */
export async function prepareOrt(): Promise<void> {
  await withOrt(() => Promise.resolve());
}

const WASM = "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm";

let loading: Promise<typeof Ort> | null = null;

function loadOrt(): Promise<typeof Ort> {
  return loading ??= importOrt();
}

async function importOrt(): Promise<typeof Ort> {
  const ort = await restoring("location", async () => {
    // The loader takes URLs against `location.origin`, which in a Worker is the string "null" and
    // fails; without a `location` it takes its package's own folder.
    delete (globalThis as { location?: unknown }).location;
    return await import("onnxruntime-web/jspi");
  });
  // What fails is told by the error it throws; nothing is to be printed as well.
  ort.env.logLevel = "fatal";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  // Left to itself it reads the file in small parts, and their garbage stays for long.
  const wasm = await Deno.readFile(new URL(import.meta.resolve(WASM)));
  ort.env.wasm.wasmBinary = wasm;
  await restoring("Worker", () => compile(ort));
  // It would keep what nobody reads any more.
  wasm.buffer.transfer(0);
  ort.env.wasm.wasmBinary = undefined;
  return ort;
}

async function compile(ort: typeof Ort): Promise<void> {
  // It refuses what is no model, but only once it is compiled and can read it.
  const options = { executionProviders: ["wasm"], logSeverityLevel: 4 } as const;
  await ort.InferenceSession.create(new Uint8Array(1), options).catch((error) => {
    if (!isRefusal(error)) throw error;
  });
}

/** A session of onnxruntime. Use it within `withOrt` only. */
export class OrtSession {
  readonly #session: Ort.InferenceSession;
  readonly #gate: PipelineGate;

  private constructor(session: Ort.InferenceSession, gate: PipelineGate) {
    this.#session = session;
    this.#gate = gate;
  }

  /** Opens a model on `device`; its outputs stay there. */
  static async open(ort: typeof Ort, device: GPUDevice, data: Uint8Array): Promise<OrtSession> {
    const gate = new PipelineGate();
    const view = deviceView(device, gate);
    const create = () =>
      ort.InferenceSession.create(data, {
        // The other modes hold error scopes of the device open across waits of their own.
        executionProviders: [{ name: "webgpu", device: view, validationMode: "wgpuOnly" }],
        preferredOutputLocation: "gpu-buffer",
        // No faster for an MLP, and a constant of a few bytes can be folded into gigabytes.
        graphOptimizationLevel: "disabled",
        logSeverityLevel: 4,
      });
    try {
      // The first session puts Node's `Worker` in the place of the web's.
      const session = await restoring("Worker", () => gate.during(create));
      return new OrtSession(session, gate);
    } catch (error) {
      // Anything else was thrown through it, and it takes no session any more.
      if (!isRefusal(error)) spoiled = messageOf(error);
      throw error;
    }
  }

  /** Submits one run; resolves once it is submitted. */
  async run(feeds: Ort.InferenceSession.OnnxValueMapType): Promise<OrtValues> {
    return await this.#gate.during(() => this.#session.run(feeds, { logSeverityLevel: 4 }));
  }

  /** Frees the weights and caches. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** Whether onnxruntime said no, and is as it was: a refusal has a code. */
function isRefusal(error: unknown): boolean {
  return messageOf(error).includes("ERROR_CODE");
}

/** What an error of onnxruntime says, without the paths of its own sources. */
export function ortReason(error: unknown): string {
  return messageOf(error)
    .replace(/^.*ERROR_MESSAGE: /s, "")
    .replace(/^\/\S+:\d+ /, "")
    .replace(/^.*\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : /s, "")
    .trim();
}

async function restoring<T>(name: string, work: () => Promise<T>): Promise<T> {
  const property = Object.getOwnPropertyDescriptor(globalThis, name);
  try {
    return await work();
  } finally {
    if (property) Object.defineProperty(globalThis, name, property);
  }
}
