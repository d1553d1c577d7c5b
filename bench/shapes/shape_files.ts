import { readFile, rm, writeFile } from "node:fs/promises";
import { writeRandomModel } from "./random_model.ts";
import type { Shape } from "./shapes.ts";

/** All that the bench may write to beside results and docs. */
const DIRECTORY = ".weft/bench/shapes";
/** Says that all is there, and of which shape. */
const COMPLETE = "complete.json";

/** A model directory of random weights, written where an earlier group hasn't. */
export async function shapeDirectory(shape: Shape): Promise<string> {
  const path = `${DIRECTORY}/${shape.name.replaceAll(/[^\w.-]+/g, "_")}`;
  const config = JSON.stringify(shape.config);
  const there = await readFile(`${path}/${COMPLETE}`, "utf8").catch(() => null);
  if (there === config) return path;
  await writeRandomModel(path, shape);
  await writeFile(`${path}/${COMPLETE}`, config);
  return path;
}

/** Deletes what `shapeDirectory` wrote. */
export async function removeShapes(): Promise<void> {
  await rm(DIRECTORY, { recursive: true, force: true });
}
