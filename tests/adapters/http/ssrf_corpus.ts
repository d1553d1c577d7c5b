/** What must not be reachable, by the reason why. */

/** Where clouds keep credentials, whatever is configured. */
export const METADATA_HOSTS: readonly string[] = [
  "169.254.169.254",
  "169.254.170.2",
  "[fd00:ec2::254]",
  "[::ffff:169.254.169.254]",
  "168.63.129.16",
];

/** Beside `a.example.test` and what lies below `pub.example.test`. */
export const OTHER_HOSTS: readonly string[] = [
  "https://example.test/",
  "https://b.a.example.test/",
  "https://a.example.test.evil.test/",
  "https://xa.example.test/",
  "https://a.example.test./",
  "https://a.example.test:8443/",
  "https://a.example.test:80/",
  "https://pub.example.test/",
  "https://evilpub.example.test/",
  "https://x.pub.example.test.evil.test/",
  "https://x.pub.example.test:444/",
  "https://evil.test/https://a.example.test/",
  "https://evil.test/?a.example.test",
  "https://evil.test#@a.example.test/",
  "https://evil.test\\@a.example.test/", // a backslash is a slash
  "https://localhost/",
  "https://а.example.test/", // a Cyrillic letter
  "https://metadata.google.internal/",
];

/** With a user, or what looks like a host and is one. */
export const WITH_USERS: readonly string[] = [
  "https://a.example.test@evil.test/",
  "https://u:p@a.example.test/",
  "https://u@a.example.test/",
];

/** Neither https, nor http where that is allowed to this machine alone. */
export const OTHER_SCHEMES: readonly string[] = [
  "http://a.example.test/",
  "http://127.0.0.1/",
  "http://localhost/",
  "ftp://a.example.test/",
  "file:///etc/passwd",
  "file://a.example.test/etc/passwd",
  "gopher://a.example.test/",
  "data:text/plain,x",
  "blob:https://a.example.test/x",
  "javascript:1",
  "ws://a.example.test/",
  "s3://a.example.test/x",
];

/** Http that isn't to this machine. */
export const PLAIN_ELSEWHERE: readonly string[] = [
  "http://a.example.test/",
  "http://10.0.0.1/",
  "http://0.0.0.0/",
  "http://[::]/",
  "http://localhost.evil.test/",
];
