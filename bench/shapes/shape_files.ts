import { readFile, rm, writeFile } from "node:fs/promises";
import { writeRandomModel } from "./random_model.ts";
import type { Shape } from "./shapes.ts";

/** All that the bench may write to beside results and docs. */
const DIRECTORY = ".weft/bench/shapes";
/** Says that all is there, and of which shape. */
const COMPLETE = "complete.json";

/** A model directory of random weights, written where an earlier group hasn't. */
export async function shapeDirectory(shape: Shape): Promise<string> {
  const path = `${DIRECTORY}/${folderName(shape)}`;
  const config = JSON.stringify(shape.config);
  const there = await readFile(`${path}/${COMPLETE}`, "utf8").catch(() => null);
  if (there === config) return path;
  await writeRandomModel(path, shape);
  await writeFile(`${path}/${COMPLETE}`, config);
  return path;
}

/** `qwen2-0.5b-4-layers`. */
export function folderName({ name }: Shape): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9.]+/g, "-");
}

/** Deletes what `shapeDirectory` wrote. */
export async function removeShapes(): Promise<void> {
  await rm(DIRECTORY, { recursive: true, force: true });
}
