/** All that `deno task bench` may write to. */
const STATE = ".weft";

/** A directory below the project's state that is deleted in the end. */
export class StateDir implements Disposable {
  readonly path: string;

  constructor() {
    Deno.mkdirSync(STATE, { recursive: true });
    this.path = Deno.makeTempDirSync({ dir: STATE, prefix: "bench-" });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
