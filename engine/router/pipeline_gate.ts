import { clearImmediate, setImmediate } from "node:timers";

type CreatePipeline = (descriptor: GPUComputePipelineDescriptor) => Promise<GPUComputePipeline>;

/**
 * Lets pipelines come to onnxruntime only while a call of it waits.
 *
 * A run that fails midway leaves pipelines behind that nothing waits for. Coming while nothing is
 * under way, the first of them would end onnxruntime's instance, whose runtime takes an idle return
 * from a callback for the end of the program. They can't be dropped either: the next call on the
 * same device may wait for them. So each is held back for a turn of the event loop, after which a
 * call has either failed or waits, and if it has failed, until a later call waits.
 */
export class PipelineGate {
  readonly #held: (() => void)[] = [];
  #calls = 0;

  /** Runs one call of onnxruntime. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#held.length > 0 ? setImmediate(() => this.#release()) : null;
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#calls--;
      if (turn) clearImmediate(turn);
    }
  }

  /** The same as `create`, with the gate before what it makes. */
  guard(create: CreatePipeline): CreatePipeline {
    return (descriptor) => {
      const pipeline = create(descriptor);
      // It is passed on late; a failure meanwhile is no rejection that nobody handles.
      pipeline.catch(() => {});
      setImmediate(() => this.#release());
      return new Promise((resolve) => this.#held.push(() => resolve(pipeline)));
    };
  }

  #release(): void {
    if (this.#calls > 0) this.#held.splice(0).forEach((pass) => pass());
  }
}
