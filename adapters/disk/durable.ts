/**
 * Waits until a file's bytes, or a directory's entries, are on the disk itself and survive a loss of power. Opening a
 * directory to sync it works on Linux and macOS.
 */
export async function sync(path: string): Promise<void> {
  using file = await Deno.open(path);
  await file.sync();
}
