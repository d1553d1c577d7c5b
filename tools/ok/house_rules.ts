/** No source file is longer; 150 lines is what to aim at. */
export const MAX_LINES = 500;

/** Absolute paths under the places where people and build machines keep checkouts. */
const MACHINE_PATH = /(?<![\w.\-/*}])\/(?:home|Users|root|work|workspace)\/[\w.-]+/;

/** What a single file does against the rules of the house; empty when nothing. */
export function houseRuleViolations(path: string, text: string): string[] {
  const violations: string[] = [];
  const lines = text.replace(/\n$/, "").split("\n");
  if (isCode(path) && lines.length > MAX_LINES) {
    violations.push(`${path}: ${lines.length} lines, at most ${MAX_LINES} are allowed; split it`);
  }
  lines.forEach((line, index) => {
    const match = line.match(MACHINE_PATH);
    if (match) {
      violations.push(`${path}:${index + 1}: "${match[0]}" is a path of one machine`);
    }
  });
  return violations;
}

function isCode(path: string): boolean {
  return /\.(ts|wgsl|py)$/.test(path);
}
