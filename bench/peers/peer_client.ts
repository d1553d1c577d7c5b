import type { PeerAnswer, PeerDecoder, PeerName, PeerOptions } from "./peer.ts";
import type { PeerQuestion, PeerReply } from "./peer_worker.ts";

/** A peer in a thread of its own, as Weft's engine is. One call at a time. */
export class PeerClient implements PeerDecoder {
  readonly #worker = new Worker(new URL("./peer_worker.ts", import.meta.url), { type: "module" });

  private constructor() {}

  /** Resolves once the model is loaded. */
  static async open(peer: PeerName, options: PeerOptions): Promise<PeerClient> {
    const client = new PeerClient();
    try {
      await client.#ask({ kind: "open", peer, options });
      return client;
    } catch (error) {
      client.#worker.terminate();
      throw error;
    }
  }

  async generate(prompts: readonly number[][], maxTokens: number): Promise<PeerAnswer> {
    return await this.#ask({
      kind: "generate",
      prompts: [...prompts],
      maxTokens,
    }) as PeerAnswer;
  }

  async close(): Promise<void> {
    try {
      await this.#ask({ kind: "close" });
    } finally {
      this.#worker.terminate();
    }
  }

  #ask(question: PeerQuestion): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<PeerReply>) => {
        if (data.kind === "done") resolve(data.value);
        else reject(new Error(data.message));
      };
      this.#worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      this.#worker.postMessage(question);
    });
  }
}
