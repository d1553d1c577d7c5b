import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

const DEMO = "models/demo/adapters";
/** The first of them is what one adapter means; all three have rank 8 on q and v, as most have. */
const FIRST = ["navigation", "synonyms", "weekday_arithmetic"];

/** The task adapters in the order in which a server of few has them. */
export async function orderedTasks(): Promise<string[]> {
  const others = (await readdir(DEMO)).filter((name) => name !== "joint" && !FIRST.includes(name));
  return [...FIRST, ...others.sort()];
}

/** A folder of `count` adapters: the demo's tasks, then copies of them under other names. */
export class AdapterFolder implements AsyncDisposable {
  readonly path: string;
  readonly names: readonly string[];

  private constructor(path: string, names: readonly string[]) {
    this.path = path;
    this.names = names;
  }

  static async create(parent: string, count: number): Promise<AdapterFolder> {
    const tasks = await orderedTasks();
    const path = join(parent, `adapters-${count}`);
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    const names: string[] = [];
    for (let i = 0; i < count; i++) {
      const task = tasks[i % tasks.length];
      const copy = Math.floor(i / tasks.length);
      const name = copy === 0 ? task : `${task}-copy-${copy}`;
      await cp(join(DEMO, task), join(path, name), { recursive: true });
      names.push(name);
    }
    return new AdapterFolder(path, names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
