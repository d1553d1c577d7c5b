import type { FitProgress } from "./fit.ts";

const PAUSE_MS = 500;

/** The training's progress on stderr: one line that is written over, or lines where it is no terminal. */
export class ProgressLine {
  readonly #began = performance.now();
  readonly #isTerminal = Deno.stderr.isTerminal();
  #shown = -Infinity;

  show({ step, steps, loss, valid }: FitProgress): void {
    const now = performance.now();
    const pause = this.#isTerminal ? PAUSE_MS : 20 * PAUSE_MS;
    if (valid === null && now - this.#shown < pause) return;
    this.#shown = now;
    const left = (now - this.#began) / step * (steps - step) / 1000;
    const parts = [
      `step ${step} of ${steps}`,
      `loss ${loss.toFixed(4)}`,
      ...(valid ? [`held back: ${(100 * valid.accuracy).toFixed(2)} % right`] : []),
      `at most ${Math.ceil(left)} s left`,
    ];
    this.#write(`router: ${parts.join(", ")}`, valid !== null);
  }

  end(): void {
    if (this.#isTerminal) this.#write("", false);
  }

  #write(line: string, keep: boolean): void {
    const text = this.#isTerminal ? `\r\x1b[K${line}${keep ? "\n" : ""}` : `${line}\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}
