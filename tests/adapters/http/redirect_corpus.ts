/** Where an https origin may not lead, and why not by itself; PORT is that of the origin, which is allowed. */
export const REFUSED_REDIRECTS: readonly [to: string, because?: string][] = [
  ["https://evil.example.test/?sig=SECRET", "host_not_allowed"],
  ["https://a.example.test/", "host_not_allowed"], // the port 443 isn't
  ["https://169.254.169.254/latest/meta-data/?x=SECRET", "host_not_allowed"],
  ["https://10.0.0.1/", "host_not_allowed"],
  ["https://127.0.0.1/", "host_not_allowed"],
  ["//[::1]/", "host_not_allowed"],
  ["https://2130706433/", "host_not_allowed"],
  ["https://a.example.test@evil.example.test/", "bad_url"],
  ["https://user:SECRET@a.example.test:PORT/there", "bad_url"],
  ["ftp://a.example.test/", "scheme_not_allowed"],
  ["file:///etc/passwd", "scheme_not_allowed"],
  ["data:application/json,{}", "scheme_not_allowed"],
  ["gopher://127.0.0.1:11211/_stats", "scheme_not_allowed"],
  // Allowed by themselves, but not away from https.
  ["http://127.0.0.1:PORT/there"],
  ["http://a.example.test:PORT/there"],
  ["HTTP://LOCALHOST:1/"],
];
