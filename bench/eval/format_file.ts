/** Formats a file that was generated as `deno fmt` wants it. @throws {Error} when it can't. */
export async function formatFile(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: ["fmt", path] })
    .output();
  if (!success) throw new Error(`Cannot format ${path}: ${new TextDecoder().decode(stderr)}`);
}
