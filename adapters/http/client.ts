/** What is asked of an origin. */
export interface OriginRequest {
  url: URL;
  method?: "GET" | "HEAD";
  headers?: Readonly<Record<string, string>>;
  /** Sent to `url`'s own origin only: a redirect elsewhere goes without. */
  credentials?: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** An origin's answer after its redirects. Whoever gets one reads its body to the end or cancels it. */
export interface OriginResponse {
  status: number;
  headers: Headers;
  /** In chunks as they come; ends with an error where the connection does, or where nothing comes for too long. */
  body: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/**
 * Reaches origins, and only those that are allowed: each hop's scheme, host and address are checked, and the
 * connection goes to the address that was checked.
 */
export interface OriginClient {
  /** @throws {WeftError} with an adapter reason when the URL is not allowed or cannot be reached; any status is an answer. */
  request(request: OriginRequest): Promise<OriginResponse>;
}
