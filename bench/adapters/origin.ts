import type { OriginOptions } from "./origin_options.ts";

/** The static origin of origin_worker.ts in a thread of its own. */
export class Origin implements Disposable {
  readonly #worker: Worker;
  readonly #port: number;
  #lastNumber = 0;

  private constructor(worker: Worker, port: number) {
    this.#worker = worker;
    this.#port = port;
  }

  static async start(options: OriginOptions): Promise<Origin> {
    const worker = new Worker(new URL("./origin_worker.ts", import.meta.url), { type: "module" });
    const listening = Promise.withResolvers<number>();
    worker.onmessage = ({ data }: MessageEvent<number>) => listening.resolve(data);
    worker.onerror = ({ message }) => listening.reject(new Error(message));
    worker.postMessage(options);
    return new Origin(worker, await listening.promise);
  }

  /** What lets a server fetch from here. */
  get flags(): string[] {
    return ["--allow-insecure-loopback", "--allow-adapter-host", this.host];
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** The URL of content that nobody has seen before. */
  next(adapter: string, { isFar = false }: { isFar?: boolean } = {}): string {
    return `http://${this.host}${isFar ? "/far" : ""}/${adapter}/${++this.#lastNumber}`;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
