/** Reports how far something is. */
export type Progress = (done: number, total: number) => void;

const BAR_WIDTH = 30;
/** Milliseconds between two reports. */
const PAUSE = { bar: 100, log: 1000 };

/**
 * A bar that redraws one line where a person watches, else `log` once a second. A task done within
 * the first pause is not worth a word.
 */
export function progressOf(
  label: string,
  output: {
    isTerminal: boolean;
    write: (text: string) => void;
    log: (done: number, total: number) => void;
    now: () => number;
  },
): Progress {
  const pause = output.isTerminal ? PAUSE.bar : PAUSE.log;
  let last = output.now();
  let shown = false;
  return (done, total) => {
    const complete = done >= total;
    if (output.now() - last < pause && !(complete && shown)) return;
    last = output.now();
    shown = true;
    if (output.isTerminal) output.write(`\r${bar(label, done, total)}${complete ? "\n" : ""}`);
    else output.log(done, total);
    if (complete) shown = false;
  };
}

function bar(label: string, done: number, total: number): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const filled = Math.round(share * BAR_WIDTH);
  const percent = `${Math.floor(share * 100)}`.padStart(3);
  const line = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
  return `${label} [${line}] ${percent} % of ${(total / 2 ** 20).toFixed(1)} MiB`;
}
