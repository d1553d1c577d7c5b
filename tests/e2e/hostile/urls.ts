/** URLs that lead where nothing may go. They are refused before a connection; the server's `--allow-net` is the second wall. */
import { LITERALS } from "../../adapters/http/address_literals.ts";
import {
  METADATA_HOSTS,
  OTHER_HOSTS,
  OTHER_SCHEMES,
  PLAIN_ELSEWHERE,
  WITH_USERS,
} from "../../adapters/http/ssrf_corpus.ts";
import { type HostileCase, SECRET } from "./cases.ts";

/** [::1] is a network that the test's own TLS origin needs. */
const OWN = "[::1]";
const literals = LITERALS.filter(([, allowed]) => allowed !== OWN);
const METADATA_NETWORKS = [
  ...["169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"],
  ...["fd00:ec2::/64", "fd20:ce::/64"],
];

/** As permissive as an operator could make it: the hosts are allowed, and so are the metadata networks. */
export const URL_FLAGS: readonly string[] = [
  ...new Set([
    "a.example.test",
    "*.pub.example.test",
    "localhost:8444",
    ...literals.map(([, allowed]) => allowed),
    ...METADATA_HOSTS,
  ]),
].flatMap((host) => ["--allow-adapter-host", host])
  .concat(METADATA_NETWORKS.flatMap((network) => ["--allow-adapter-network", network]));

/** What the server says of a URL that it reads more strictly, or otherwise, than the client below. */
const OWN_CODES: Readonly<Record<string, string | null>> = {
  "https://evil.test#@a.example.test/": "bad_url",
  "https://evil.test\\@a.example.test/": "bad_url",
  "file:///etc/passwd": "path_not_allowed",
  "file://a.example.test/etc/passwd": "bad_url",
  "s3://a.example.test/x": "host_not_allowed",
  // Allowed to this machine by --allow-insecure-loopback.
  "http://127.0.0.1/": null,
  "http://localhost/": null,
};

const of = (code: string) => (url: string): HostileCase[] => {
  const own = url in OWN_CODES ? OWN_CODES[url] : code;
  return own === null ? [] : [{ what: own, url, code: own }];
};

export const URLS: readonly HostileCase[] = [
  ...literals.flatMap(([host]) => [
    ...of("host_not_allowed")(`https://${host}:8443/x?sig=${SECRET}`),
    ...of("address_not_allowed")(`https://${host}/x?sig=${SECRET}`),
  ]),
  ...METADATA_HOSTS.flatMap((host) => of("address_not_allowed")(`https://${host}/`)),
  ...METADATA_HOSTS.flatMap((host) => of("scheme_not_allowed")(`http://${host}/latest/meta-data/`)),
  ...OTHER_HOSTS.flatMap(of("host_not_allowed")),
  ...WITH_USERS.flatMap(of("bad_url")),
  ...OTHER_SCHEMES.flatMap(of("scheme_not_allowed")),
  ...PLAIN_ELSEWHERE.flatMap(of("scheme_not_allowed")),
  ...[
    "/etc/passwd",
    "adapters",
    "../../etc",
    "C:\\adapters",
    "file:///proc/self/environ",
    "file:///",
    "file://localhost/etc/passwd",
    "file:////etc/passwd",
    "file:///%2e%2e/etc/passwd",
  ].flatMap(of("path_not_allowed")),
  ...[
    "https://",
    "https://[::1%25eth0]/",
    "https://[:::1]/",
    "https://a.example.test/%ff",
    "https://a.example.test/ x",
    "https://a.example.test/\t",
    "https://a.example.test:99999/",
    `https://a.example.test/x#${SECRET}`,
    `https://u:${SECRET}@a.example.test/`,
    "https:a.example.test",
    "file:///a%2fb",
    "file:///a\0b",
    "s3://",
    "s3://a..b/x",
    "s3://bucket:80/x",
    `s3://bucket/x?versionId=${SECRET}`,
    "gs://UPPER/x",
    `gs://user:${SECRET}@bucket/x`,
  ].flatMap(of("bad_url")),
  ...[
    "s3://bucket/x",
    "s3://169.254.169.254/x",
    "gs://bucket/x",
    "hf://owner/name",
    "hf://owner/name@main/..%2f..%2fapi",
  ].flatMap(of("host_not_allowed")),
  // A name of this machine whose addresses aren't public.
  ...of("address_not_allowed")(`https://localhost:8444/?sig=${SECRET}`),
];
