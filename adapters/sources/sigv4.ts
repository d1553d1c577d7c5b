import { createHash } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";

/** An access key of S3, or of a store that speaks its language. */
export interface AccessKey {
  accessKeyId: string;
  secretAccessKey: string;
  /** With temporary keys. */
  sessionToken?: string;
}

/** The headers that authorise a GET of a URL. */
export type SignUrl = (url: URL) => Promise<Record<string, string>>;

export interface Sigv4Options {
  region: string;
  now?: () => Date;
}

const EMPTY_BODY = createHash("sha256").digest("hex");

/**
 * Signs GETs with AWS Signature Version 4 for S3. Host, path, query and the `x-amz-` headers are signed, ranges
 * and conditions aren't and may be added.
 */
export function sigv4(key: AccessKey, { region, now = () => new Date() }: Sigv4Options): SignUrl {
  // The signing key of the day; aws4fetch fills it.
  const cache = new Map<string, ArrayBuffer>();
  return async (url) => {
    const signer = new AwsV4Signer({
      ...key,
      url: url.href,
      headers: { "x-amz-content-sha256": EMPTY_BODY },
      service: "s3",
      region,
      cache,
      datetime: now().toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const { headers } = await signer.sign();
    return Object.fromEntries(headers);
  };
}

/** OAuth 2.0 tokens (RFC 6750). */
export function bearer(token: string): SignUrl {
  return () => Promise.resolve({ authorization: `Bearer ${token}` });
}

/** For what the world may read. */
export const anonymous: SignUrl = () => Promise.resolve({});
