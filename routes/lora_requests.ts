/** A request that uses adapters by name, from its arrival to its end. */
export interface LoraRequest {
  /** The engine has taken it into its batch. Further calls do nothing. */
  started(): void;
  /** It is over, however it ended. Further calls do nothing. */
  ended(): void;
}

/** Which adapters the requests of the moment use: what vLLM's `vllm:lora_requests_info` tells a load balancer. */
export class LoraRequests {
  /** The names of each request that waits, for its adapters or for its turn. */
  readonly #waiting = new Set<readonly string[]>();
  readonly #running = new Set<readonly string[]>();

  /** A request came that names these adapters. */
  enter(names: readonly string[]): LoraRequest {
    // A copy, so that one list entered twice is two requests.
    const own = [...names];
    this.#waiting.add(own);
    return {
      started: () => {
        if (this.#waiting.delete(own)) this.#running.add(own);
      },
      ended: () => {
        this.#waiting.delete(own);
        this.#running.delete(own);
      },
    };
  }

  /** Each name once, in order. */
  get waiting(): string[] {
    return namesOf(this.#waiting);
  }

  get running(): string[] {
    return namesOf(this.#running);
  }
}

function namesOf(requests: Iterable<readonly string[]>): string[] {
  return [...new Set([...requests].flat())].sort();
}
