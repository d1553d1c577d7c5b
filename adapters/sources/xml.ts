import { SaxesParser } from "saxes";

/** An element of a small document, as plain data. */
export interface XmlElement {
  /** Without its namespace prefix. */
  name: string;
  attributes: Readonly<Record<string, string>>;
  /** Its own, without that of its children. */
  text: string;
  children: XmlElement[];
}

/** Listings have four levels. */
const MAX_DEPTH = 16;
/** Of elements and attributes together. A full page has 5,000 objects with some 25 fields each. */
const MAX_PARTS = 250_000;

/**
 * Reads a well-formed XML document without a document type: no entities but XML's own five, so nothing expands.
 *
 * @throws {SyntaxError} for any other text, and for more parts than a listing has, each of which would take a
 *   hundred times its text in memory; its message quotes none of it.
 */
export function parseXml(text: string): XmlElement {
  const parser = new SaxesParser({ xmlns: false });
  const root = element("", {});
  const open = [root];
  let parts = 0;
  const count = () => {
    if (++parts > MAX_PARTS) refuse(`it has over ${MAX_PARTS} elements and attributes`);
  };
  parser.on("attribute", count);
  parser.on("opentag", ({ name, attributes }) => {
    count();
    if (open.length > MAX_DEPTH) throw new SyntaxError(`elements lie over ${MAX_DEPTH} deep`);
    const child = element(name.slice(name.indexOf(":") + 1), attributes);
    open.at(-1)!.children.push(child);
    open.push(child);
  });
  parser.on("closetag", () => void open.pop());
  parser.on("text", (text) => void (open.at(-1)!.text += text));
  parser.on("cdata", (text) => void (open.at(-1)!.text += text));
  parser.on("doctype", () => refuse("a document type is not allowed"));
  parser.on("error", ({ message }) => refuse(message));
  parser.write(text).close();
  return root.children[0];
}

function element(name: string, attributes: Record<string, string>): XmlElement {
  return { name, attributes, text: "", children: [] };
}

function refuse(why: string): never {
  throw new SyntaxError(why);
}
