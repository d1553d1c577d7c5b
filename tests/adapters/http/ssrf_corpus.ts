/** What must not be reachable, by the reason why. */

/** Every way to write an address that isn't public, with its host allowed: the address is what is refused. */
export const LITERALS: [host: string, allowed: string][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["2130706433", "127.0.0.1"], // decimal
  ["0x7f000001", "127.0.0.1"], // hexadecimal
  ["0x7f.1", "127.0.0.1"],
  ["017700000001", "127.0.0.1"], // octal
  ["0177.0.0.1", "127.0.0.1"],
  ["127.1", "127.0.0.1"], // short
  ["127.0.1", "127.0.0.1"],
  ["127.0.0.1.", "127.0.0.1"],
  ["%31%32%37.0.0.1", "127.0.0.1"],
  ["①②⑦.⓪.⓪.①", "127.0.0.1"], // IDNA maps to digits
  ["127。0。0。1", "127.0.0.1"],
  ["0", "0.0.0.0"],
  ["0.0.0.0", "0.0.0.0"],
  ["10.0.0.1", "10.0.0.1"],
  ["172.16.0.1", "172.16.0.1"],
  ["172.31.255.255", "172.31.255.255"],
  ["192.168.1.1", "192.168.1.1"],
  ["0xc0a80101", "192.168.1.1"],
  ["169.254.169.254", "169.254.169.254"],
  ["2852039166", "169.254.169.254"],
  ["0251.0376.0251.0376", "169.254.169.254"],
  ["100.64.0.1", "100.64.0.1"],
  ["100.100.100.200", "100.100.100.200"],
  ["168.63.129.16", "168.63.129.16"],
  ["192.0.0.192", "192.0.0.192"],
  ["192.0.2.1", "192.0.2.1"],
  ["198.18.0.1", "198.18.0.1"],
  ["198.51.100.1", "198.51.100.1"],
  ["203.0.113.1", "203.0.113.1"],
  ["224.0.0.1", "224.0.0.1"],
  ["240.0.0.1", "240.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["[::1]", "[::1]"],
  ["[0:0:0:0:0:0:0:1]", "[::1]"],
  ["[::]", "[::]"],
  ["[::127.0.0.1]", "[::7f00:1]"], // IPv4-compatible
  ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]"], // IPv4-mapped
  ["[::ffff:7f00:1]", "[::ffff:7f00:1]"],
  ["[::ffff:10.0.0.1]", "[::ffff:a00:1]"],
  ["[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]"],
  ["[::ffff:0:127.0.0.1]", "[::ffff:0:7f00:1]"], // IPv4-translated
  ["[64:ff9b::10.0.0.1]", "[64:ff9b::a00:1]"], // NAT64
  ["[64:ff9b::a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]"],
  ["[64:ff9b:1::1]", "[64:ff9b:1::1]"],
  ["[2002:7f00:1::]", "[2002:7f00:1::]"], // 6to4
  ["[2002:a00:1::1]", "[2002:a00:1::1]"],
  ["[2001:0:a00:1::f5ff:fffe]", "[2001:0:a00:1::f5ff:fffe]"], // Teredo
  ["[2001:db8::1]", "[2001:db8::1]"],
  ["[3fff::1]", "[3fff::1]"],
  ["[fc00::1]", "[fc00::1]"],
  ["[fd00:ec2::254]", "[fd00:ec2::254]"],
  ["[fd20:ce::254]", "[fd20:ce::254]"],
  ["[fe80::1]", "[fe80::1]"],
  ["[fec0::1]", "[fec0::1]"],
  ["[ff02::1]", "[ff02::1]"],
  ["[100::1]", "[100::1]"],
  ["[5f00::1]", "[5f00::1]"],
];

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
