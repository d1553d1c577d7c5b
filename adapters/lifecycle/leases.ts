import type { AdapterLease } from "../types.ts";
import type { Found } from "./resolver.ts";
import type { Hold } from "./tiers.ts";

/** What requests hold. */
export class Leases {
  readonly #holds = new Set<Hold>();

  get count(): number {
    return this.#holds.size;
  }

  generations(): string[] {
    return [...this.#holds].map(({ generation }) => generation);
  }

  /** Takes over what was found. */
  make(name: string, { hold, level }: Found): AdapterLease {
    this.#holds.add(hold);
    const release = () => {
      this.#holds.delete(hold);
      hold.release();
    };
    const { generation, weights } = hold;
    return { name, generation, level, weights, release, [Symbol.dispose]: release };
  }
}
