import { join } from "node:path";
import { TUNING_FILE } from "../engine/open_engine.ts";

/** All that `deno task bench` may write to. */
const STATE = ".weft";

/**
 * A directory below the project's state that is deleted in the end. A server in it uses what the bench
 * tuned on this device, where it did.
 */
export class StateDir implements Disposable {
  readonly path: string;

  constructor() {
    Deno.mkdirSync(STATE, { recursive: true });
    this.path = Deno.makeTempDirSync({ dir: STATE, prefix: "bench-" });
    try {
      Deno.copyFileSync(TUNING_FILE, join(this.path, "tuning.json"));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
