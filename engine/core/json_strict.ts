/**
 * Parses JSON as RFC 8259 has it and refuses an object that names a key twice, which `JSON.parse` would
 * silently resolve to the last value.
 *
 * @throws {SyntaxError} When the text is not JSON or a key is repeated.
 */
export function parseStrictJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  refuseRepeatedKeys(text);
  return value;
}

/** Walks text that is known to be valid JSON: only strings, braces, brackets and commas matter. */
function refuseRepeatedKeys(text: string): void {
  // One entry per open container: the keys seen, or null for an array.
  const open: (Set<string> | null)[] = [];
  let keyExpected = false;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case "{":
        open.push(new Set());
        keyExpected = true;
        break;
      case "[":
        open.push(null);
        keyExpected = false;
        break;
      case "}":
      case "]":
        open.pop();
        keyExpected = false;
        break;
      case ",":
        keyExpected = open.at(-1) !== null;
        break;
      case '"': {
        const end = endOfString(text, i);
        const keys = open.at(-1);
        if (keyExpected && keys) {
          // Decoded, so that "a" and "\u0061" count as the same key.
          const key: string = JSON.parse(text.slice(i, end));
          if (keys.has(key)) throw new SyntaxError(`key ${JSON.stringify(key)} appears twice`);
          keys.add(key);
        }
        keyExpected = false;
        i = end - 1;
      }
    }
  }
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}
