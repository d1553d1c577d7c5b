import { WeftError } from "../../../engine/core/errors.ts";

/**
 * Puts each section between its markers, `<!-- eval:NAME -->` and `<!-- /eval:NAME -->`; the prose around stays.
 *
 * @param prefix Whose markers they are, in the place of `eval`.
 * @throws {WeftError} `invalid_request` where a section's markers are not there once, in that order.
 */
export function fillMarkers(
  text: string,
  sections: Readonly<Record<string, string>>,
  prefix = "eval",
): string {
  let filled = text;
  for (const [name, section] of Object.entries(sections)) {
    const [open, close] = [`<!-- ${prefix}:${name} -->`, `<!-- /${prefix}:${name} -->`];
    const [before, rest, ...more] = filled.split(open);
    const [, after, ...others] = rest?.split(close) ?? [];
    if (after === undefined || more.length > 0 || others.length > 0) {
      throw new WeftError(
        "invalid_request",
        `Cannot fill in "${name}": the page needs ${open} and behind it ${close}, once each`,
      );
    }
    filled = `${before}${open}\n\n${section.trim()}\n\n${close}${after}`;
  }
  return filled;
}
