import { z } from "zod";
import { messageOf } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";
import type { ListedObject } from "./object_store.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** One answer of a listing. */
export interface ListingPage {
  objects: ListedObject[];
  /** What asks for the next page; null on the last one. */
  next: string | null;
}

const SIZE = z.string().regex(/^\d{1,15}$/).transform(Number);

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html, as far as it is needed. */
const S3_PAGE = z.object({
  IsTruncated: z.enum(["true", "false"]),
  NextContinuationToken: z.string().min(1).optional(),
  EncodingType: z.literal("url").optional(),
});
const S3_OBJECT = z.object({ Key: z.string().min(1), Size: SIZE, ETag: z.string().min(1) });

/** https://learn.microsoft.com/rest/api/storageservices/list-blobs, likewise. */
const AZURE_OBJECT = z.object({ "Content-Length": SIZE, Etag: z.string().min(1) });

/** A page of ListObjectsV2. @throws {WeftError} `bad_response`. */
export function parseS3Page(bytes: Uint8Array, location: string): ListingPage {
  return reading(location, () => {
    const root = parseRoot(bytes, "ListBucketResult");
    const page = S3_PAGE.parse(fieldsOf(root));
    const decode = page.EncodingType === "url" ? decodeForm : (key: string) => key;
    const objects = all(root, "Contents").map((element) => {
      const { Key, Size, ETag } = S3_OBJECT.parse(fieldsOf(element));
      return { key: decode(Key), size: Size, etag: quoted(ETag) };
    });
    if (page.IsTruncated === "false") return { objects, next: null };
    if (page.NextContinuationToken === undefined) {
      throw new SyntaxError("it is truncated, but tells no token for the next page");
    }
    return { objects, next: page.NextContinuationToken };
  });
}

/** A page of List Blobs. @throws {WeftError} `bad_response`. */
export function parseAzurePage(bytes: Uint8Array, location: string): ListingPage {
  return reading(location, () => {
    const root = parseRoot(bytes, "EnumerationResults");
    const objects = all(one(root, "Blobs"), "Blob").map((blob) => {
      const name = one(blob, "Name");
      const properties = AZURE_OBJECT.parse(fieldsOf(one(blob, "Properties")));
      return {
        // Names that XML cannot hold are percent-encoded (since version 2021-02-12).
        key: name.attributes["Encoded"] === "true" ? decodeURIComponent(name.text) : name.text,
        size: properties["Content-Length"],
        etag: quoted(properties.Etag),
      };
    });
    return { objects, next: fieldsOf(root).NextMarker || null };
  });
}

function reading(location: string, read: () => ListingPage): ListingPage {
  try {
    return read();
  } catch (error) {
    const why = error instanceof z.ZodError
      ? `<${error.issues[0].path.join(".")}> is missing or not what it should be`
      : messageOf(error);
    throw adapterError("bad_response", `the listing of ${location} cannot be read: ${why}`, {
      cause: error,
    });
  }
}

function parseRoot(bytes: Uint8Array, name: string): XmlElement {
  const root = parseXml(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (root.name !== name) throw new SyntaxError(`its root is not <${name}>`);
  return root;
}

/** The text of each child by its name. */
function fieldsOf({ children }: XmlElement): Partial<Record<string, string>> {
  return Object.fromEntries(children.map(({ name, text }) => [name, text]));
}

function all({ children }: XmlElement, name: string): XmlElement[] {
  return children.filter((child) => child.name === name);
}

function one(parent: XmlElement, name: string): XmlElement {
  const [child] = all(parent, name);
  if (child === undefined) throw new SyntaxError(`<${parent.name}> has no <${name}>`);
  return child;
}

/** `encoding-type=url` is the encoding of forms: a plus sign is a space. */
function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

/** Azure lists its ETags bare. */
function quoted(etag: string): string {
  return etag.endsWith('"') ? etag : `"${etag}"`;
}
