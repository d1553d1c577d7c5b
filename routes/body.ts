import { ApiError } from "./errors.ts";

/**
 * A request's JSON object, read with a bound that holds whether or not the length was announced.
 * The content type must say JSON: it also keeps other sites' forms from driving a local server.
 */
export async function readJsonObject(
  request: Request,
  options: { maxBytes: number },
): Promise<Record<string, unknown>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
    throw new ApiError(
      "invalid_request",
      `Cannot read a body of content type "${type}": send it as application/json`,
      { status: 415, reason: "unsupported_media_type" },
    );
  }
  const text = decodeUtf8(await readBounded(request, options.maxBytes));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ApiError(
      "invalid_request",
      `Cannot parse the body as JSON: ${withoutSnippet((cause as SyntaxError).message)}`,
      { cause, reason: "invalid_json" },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ApiError("invalid_request", "The body must be a JSON object");
  }
  return value as Record<string, unknown>;
}

/** What stands at the fault may be part of a secret. */
function withoutSnippet(message: string): string {
  return message.replace(/, (\.{3})?".*$/s, "");
}

async function readBounded(request: Request, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > maxBytes) {
    await request.body?.cancel();
    throw tooLarge(`${announced} bytes`, maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    // Leaving the loop cancels the body, so the rest is never held.
    if (size > maxBytes) throw tooLarge(`more than ${maxBytes} bytes`, maxBytes);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

function tooLarge(size: string, maxBytes: number): ApiError {
  return new ApiError(
    "too_large",
    `Cannot read a body of ${size}: at most ${maxBytes} bytes are allowed`,
  );
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ApiError("invalid_request", "Cannot read the body: it is not valid UTF-8", {
      cause,
      reason: "invalid_json",
    });
  }
}
