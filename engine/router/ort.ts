import { setImmediate } from "node:timers";
import type * as Ort from "onnxruntime-web/webgpu";
import { messageOf, WeftError } from "../core/errors.ts";
import { Turns } from "./turns.ts";

/**
 * onnxruntime's module holds one WebAssembly instance a thread, which can do one thing at a time: a
 * second call while one awaits hangs both. So everything in a thread that calls it takes turns.
 */
const turns = new Turns();

/** The reason of every error once onnxruntime has broken down. */
export const RUNTIME_LOST = "router_runtime_lost";

/** The turn that is under way. */
let turn: { over: boolean } = { over: true };

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
    const mine: typeof turn = turn = { over: false };
    try {
      return await work(await loadOrt());
    } catch (error) {
      // A trap leaves the instance anywhere; what it computes afterwards can't be trusted.
      if (error instanceof WebAssembly.RuntimeError) spoiled = messageOf(error);
      throw error;
    } finally {
      mine.over = true;
    }
  });
}

async function loadOrt(): Promise<typeof Ort> {
  const ort = await restoring("location", async () => {
    // The loader takes URLs against `location.origin`, which in a Worker is the string "null" and
    // fails; without a `location` it takes its package's own folder.
    delete (globalThis as { location?: unknown }).location;
    return await import("onnxruntime-web/webgpu");
  });
  // What fails is told by the error it throws; nothing is to be printed as well.
  ort.env.logLevel = "fatal";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  return ort;
}

/** Opens a session on `device` whose outputs stay there. Call it within `withOrt`. */
export async function createSession(
  ort: typeof Ort,
  device: GPUDevice,
  data: Uint8Array,
): Promise<Ort.InferenceSession> {
  hideSubgroups(device);
  guardPipelines(device);
  try {
    // The first session puts Node's `Worker` in the place of the web's.
    return await restoring("Worker", () =>
      ort.InferenceSession.create(data, {
        // The other modes hold error scopes of the device open across waits of their own.
        executionProviders: [{ name: "webgpu", device, validationMode: "wgpuOnly" }],
        preferredOutputLocation: "gpu-buffer",
        // No faster for an MLP, and a constant of a few bytes can be folded into gigabytes.
        graphOptimizationLevel: "disabled",
        logSeverityLevel: 4,
      }));
  } catch (error) {
    // A refusal has a code. Anything else was thrown through it, and it takes no session any more.
    if (!messageOf(error).includes("ERROR_CODE")) spoiled = messageOf(error);
    throw error;
  }
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

/**
 * Hides the subgroup features of a device from onnxruntime, whose generated WGSL says
 * `enable subgroups;`, which Deno refuses. Only the JavaScript view changes: shaders of our own
 * may use subgroups as before.
 */
function hideSubgroups(device: GPUDevice): void {
  const shown = new Set([...device.features].filter((name) => !name.startsWith("subgroups")));
  Object.defineProperty(device, "features", { value: shown, configurable: true });
}

/**
 * Lets a pipeline come only while the call that asked for it still waits. A run that fails midway
 * leaves pipelines behind that nothing waits for, and the first of them to come would end
 * onnxruntime's instance: its runtime takes a callback with nothing under way for the end of the
 * program. A turn of the event loop later it is known whether the call has failed.
 */
function guardPipelines(device: GPUDevice): void {
  if (Object.hasOwn(device, "createComputePipelineAsync")) return;
  const create = device.createComputePipelineAsync.bind(device);
  const guarded = (descriptor: GPUComputePipelineDescriptor) => {
    const mine = turn;
    const pipeline = create(descriptor);
    return new Promise<GPUComputePipeline>((resolve, reject) => {
      const pass = () => mine.over || pipeline.then(resolve, reject);
      setImmediate(pass);
    });
  };
  Object.defineProperty(device, "createComputePipelineAsync", { value: guarded });
}
