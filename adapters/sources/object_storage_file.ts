import { z } from "zod";
import { parseStrictJson } from "../../engine/core/json_strict.ts";
import { WeftError } from "../../engine/core/errors.ts";

/** Looks up an environment variable. */
export type Env = (name: string) => string | undefined;

/** A JSON file that says how buckets are reached. */
export interface StorageFile {
  /** For messages. */
  path: string;
  text: string;
}

export type S3Entry = z.infer<Schemas["s3"]>;
export type GsEntry = z.infer<Schemas["gs"]>;
export type AzureEntry = z.infer<Schemas["az"]>;

/** Entries by bucket or container. */
export interface StorageEntries {
  s3: Map<string, S3Entry>;
  gs: Map<string, GsEntry>;
  az: Map<string, AzureEntry>;
}

/**
 * Reads the entries of a file, and the variables that they name.
 *
 * @throws {WeftError} `invalid_request` with the place in the file; it quotes no value, for any may be secret.
 */
export function parseStorageFile({ path, text }: StorageFile, env: Env): StorageEntries {
  const refuse = (why: string): never => {
    throw new WeftError("invalid_request", `Cannot use the object storage file "${path}": ${why}`);
  };
  const schemas = schemasFor(env);
  const entries: StorageEntries = { s3: new Map(), gs: new Map(), az: new Map() };
  for (const [name, value] of Object.entries(parseObject(text, refuse))) {
    const [, scheme, bucket] = /^(s3|gs|az):\/\/([^/?#@:\s]+)$/.exec(name) ?? [];
    if (scheme === undefined) {
      refuse("each key must be s3://BUCKET, gs://BUCKET or az://CONTAINER, and one isn't");
    }
    const kind = scheme as keyof StorageEntries;
    const read = schemas[kind].safeParse(value);
    if (!read.success) refuse(describe(name, read.error.issues[0]));
    (entries[kind] as Map<string, unknown>).set(bucket, read.data);
  }
  return entries;
}

type Schemas = ReturnType<typeof schemasFor>;

function schemasFor(env: Env) {
  const secret = z.union(
    [z.string().min(1), z.strictObject({ env: z.string().regex(/^\w+$/) })],
    { error: 'expected a text that is not empty, or {"env": "VARIABLE"}' },
  ).transform((value, context) => {
    if (typeof value === "string") return value;
    const text = env(value.env);
    if (text) return text;
    context.addIssue(`the variable "${value.env}" is not set`);
    return z.NEVER;
  });
  const accessKey = {
    accessKeyId: secret.optional(),
    secretAccessKey: secret.optional(),
  };
  const common = { endpoint: ENDPOINT.optional(), anonymous: z.literal(true).optional() };
  return {
    s3: z.strictObject({
      ...common,
      ...accessKey,
      sessionToken: secret.optional(),
      region: z.string().regex(REGION, "expected letters, digits and hyphens").optional(),
      addressing: z.enum(["path", "virtual"]).optional(),
    }).superRefine((entry, context) => {
      const { accessKeyId, secretAccessKey, sessionToken } = entry;
      if (sessionToken && !accessKeyId) context.addIssue("a sessionToken needs its keys");
      checkCredentials(entry, [accessKeyId ?? secretAccessKey], context);
    }),
    gs: z.strictObject({ ...common, ...accessKey, token: secret.optional() })
      .superRefine((entry, context) =>
        checkCredentials(entry, [entry.accessKeyId ?? entry.secretAccessKey, entry.token], context)
      ),
    az: z.strictObject({
      ...common,
      account: z.string().regex(ACCOUNT, "expected 3 to 24 small letters and digits").optional(),
      key: secret.pipe(z.string().regex(BASE64, "expected Base64")).optional(),
      sas: secret.optional(),
    }).superRefine((entry, context) => checkCredentials(entry, [entry.key, entry.sas], context)),
  };
}

export const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const ENDPOINT = z.string().refine(isEndpoint, {
  error: "expected an https or http URL without user, query and fragment",
}).transform((text) => new URL(text));

/** It may become a part of a host's name; so may an account. */
export const REGION = /^[A-Za-z0-9-]{1,64}$/;
export const ACCOUNT = /^[a-z0-9]{3,24}$/;

/** Whether a text can be a store's endpoint. */
export function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password === "" &&
    !/[?#]/.test(text);
}

interface Credentials {
  accessKeyId?: string;
  secretAccessKey?: string;
  anonymous?: true;
}

/** One way to be known at most, and that one whole. */
function checkCredentials(
  { accessKeyId, secretAccessKey, anonymous }: Credentials,
  kinds: (string | undefined)[],
  context: { addIssue(message: string): void },
): void {
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    context.addIssue("accessKeyId and secretAccessKey go together");
  }
  if ([...kinds, anonymous].filter((kind) => kind !== undefined).length > 1) {
    context.addIssue("there are two kinds of credentials; leave one");
  }
}

function parseObject(text: string, refuse: (why: string) => never): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (error) {
    // The parser's own message quotes the text around the place, and a key may stand there.
    const [place = ""] = /\(line \d+ column \d+\)/.exec((error as Error).message) ?? [];
    refuse(`it is not JSON, or names a key twice ${place}`.trimEnd());
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  return refuse("it must be a JSON object");
}

function describe(name: string, { path, message }: z.core.$ZodIssue): string {
  return `${JSON.stringify(name)}${path.map((part) => `.${String(part)}`).join("")}: ${message}`;
}
