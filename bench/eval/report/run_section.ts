import type { Results } from "../results.ts";

/** What was run, where. */
export function runSection({ date, machine, model, samples, routers, tasks }: Results): string {
  const { deno, os, cores, gpu } = machine;
  const counts = [...new Set(tasks.map(({ count }) => count))].join(", ");
  const names = routers.map(({ name, generation }) => {
    return generation === name ? `\`${name}\`` : `\`${name}\` (\`${generation.slice(0, 12)}\`)`;
  });
  return [
    `${date}, Deno ${deno}, ${os}, ${cores} cores, WebGPU on ${gpu}. Model \`${model}\`, ` +
    `samples a task: ${
      counts || `at most ${samples}`
    } (the first of each file, the same for every ` +
    `method). Routers: ${names.join(", ")}.`,
  ].join("\n");
}
