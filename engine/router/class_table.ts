import type { ClassTarget } from "../core/router.ts";
import { CLASS_OFF, NO_SLOT } from "../kernels/mod.ts";

/**
 * What a router's classes are called and stand for: first the router's own labels, then prototypes,
 * whose places are used again after their removal.
 */
export class ClassTable {
  readonly #labels: readonly string[];
  readonly #prototypes: (string | null)[] = [];
  readonly #targets = new Map<string, string | null>();

  constructor(labels: readonly string[]) {
    this.#labels = labels;
  }

  /** Those in use, without holes. */
  get prototypes(): string[] {
    return this.#prototypes.filter((label) => label !== null);
  }

  /** Places of classes, holes included. */
  get size(): number {
    return this.#labels.length + this.#prototypes.length;
  }

  get targets(): ClassTarget[] {
    return [...this.#targets].map(([label, generation]) => ({ label, generation }));
  }

  /** Everything that is not named takes no part from now on. */
  setTargets(targets: readonly ClassTarget[]): void {
    this.#targets.clear();
    for (const { label, generation } of targets) this.#targets.set(label, generation);
  }

  isOwn(label: string): boolean {
    return this.#labels.includes(label);
  }

  indexOf(label: string): number | null {
    const own = this.#labels.indexOf(label);
    if (own >= 0) return own;
    const place = this.#prototypes.indexOf(label);
    return place < 0 ? null : this.#labels.length + place;
  }

  /** By class as it is now, what takes part; null for what is off. */
  snapshot(): (ClassTarget | null)[] {
    return [...this.#labels, ...this.#prototypes].map((label) => {
      const generation = label === null ? undefined : this.#targets.get(label);
      return label === null || generation === undefined ? null : { label, generation };
    });
  }

  /** The prototype's place, taken for it if it has none; null where all `most` are taken. */
  placeOf(label: string, most: number): number | null {
    const known = this.#prototypes.indexOf(label);
    if (known >= 0) return known;
    const hole = this.#prototypes.indexOf(null);
    const place = hole >= 0 ? hole : this.#prototypes.length;
    if (place >= most) return null;
    this.#prototypes[place] = label;
    return place;
  }

  removePrototype(label: string): void {
    const place = this.#prototypes.indexOf(label);
    if (place < 0) return;
    this.#prototypes[place] = null;
    while (this.#prototypes.at(-1) === null) this.#prototypes.pop();
  }
}

/** By class: its adapter's slot, NO_SLOT where that is not on the GPU, CLASS_OFF. */
export function slotsOf(
  classes: readonly (ClassTarget | null)[],
  slotOf: (generation: string) => number | null,
): Uint32Array {
  return Uint32Array.from(classes, (target) => {
    if (target === null) return CLASS_OFF;
    return target.generation === null ? NO_SLOT : slotOf(target.generation) ?? NO_SLOT;
  });
}
