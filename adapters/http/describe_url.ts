/** Whoever redirects writes the path. */
const MAX_LENGTH = 512;

/** A URL for people: without user, password, query and fragment, any of which may be secret; cut where it is long. */
export function describeUrl(url: URL): string {
  const text = `${url.protocol}//${url.host}${url.pathname}`;
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 1)}…` : text;
}
