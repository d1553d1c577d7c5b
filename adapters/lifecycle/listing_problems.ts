/** Of one listing; of more only the number is told. */
const MAX_TOLD = 100;

export interface ProblemReport {
  report(problem: string): void;
  /** Call it once, however the listing went. */
  end(): void;
}

/** What of each place can't be served. A problem is told once for as long as it stays, and of a flood the beginning. */
export class ListingProblems {
  readonly #told = new Map<string, ReadonlySet<string>>();
  readonly #tell: (place: string, problem: string) => void;

  constructor(tell: (place: string, problem: string) => void) {
    this.#tell = tell;
  }

  /** A listing of a place begins: what takes its problems. */
  begin(place: string): ProblemReport {
    const earlier = this.#told.get(place);
    const told = new Set<string>();
    let more = 0;
    const tell = (problem: string) => {
      told.add(problem);
      if (!earlier?.has(problem)) this.#tell(place, problem);
    };
    return {
      report(problem) {
        if (told.has(problem)) return;
        if (told.size < MAX_TOLD) tell(problem);
        else more++;
      },
      end: () => {
        if (more > 0) tell(`${more} more problems of this kind or another`);
        this.#told.set(place, told);
      },
    };
  }
}
