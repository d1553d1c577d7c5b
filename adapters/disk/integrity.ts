import { join } from "node:path";
import type { Books } from "./books.ts";
import type { Layout } from "./layout.ts";
import type { Stagings } from "./staging.ts";

/** @throws {Error} when the books do not balance, or the disk holds something else than they say. */
export function checkIntegrity(
  { layout, books, stagings }: { layout: Layout; books: Books; stagings: Stagings },
): void {
  books.checkIntegrity();
  const { found, junk } = layout.scan();
  if (junk.length > 0) throw new Error(`content/ holds ${junk.join(", ")}`);
  const onDisk = new Map(found.map(({ generation, bytes }) => [generation, bytes]));
  for (const { generation, bytes } of books.contents()) {
    const present = onDisk.get(generation);
    if (present !== bytes) {
      throw new Error(`${generation} has ${present ?? "no"} bytes on the disk, not ${bytes}`);
    }
    onDisk.delete(generation);
  }
  for (const generation of onDisk.keys()) throw new Error(`${generation} is not in the books`);
  for (const { name } of Deno.readDirSync(layout.incoming)) {
    if (!stagings.has(join(layout.incoming, name))) {
      throw new Error(`incoming/ holds ${name}, which nobody stages`);
    }
  }
}
