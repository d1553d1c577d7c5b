/** A URL for people: without user, password, query and fragment, any of which may be secret. */
export function describeUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}
