const TAIL_LINES = 12;

/** How a command ended. */
export interface CommandResult {
  success: boolean;
  /** The last lines of its output and errors together, for a message when it failed. */
  tail: string;
}

/** Runs a command without input; its output is kept for the failure message and not shown. */
export async function run(
  command: readonly string[],
  environment: Record<string, string> = {},
): Promise<CommandResult> {
  const [program, ...args] = command;
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      env: environment,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const decoder = new TextDecoder();
    const lines = `${decoder.decode(stdout)}\n${decoder.decode(stderr)}`.split("\n");
    return { success, tail: lines.filter((line) => line.trim()).slice(-TAIL_LINES).join("\n") };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { success: false, tail: `"${program}" isn't installed` };
  }
}
