import { rm } from "node:fs/promises";
import { writeRandomModel } from "./random_model.ts";
import type { Shape } from "./shapes.ts";

/** All that the bench may write to beside results and docs. */
const DIRECTORY = ".weft/bench/shapes";

/** A model directory of random weights, deleted in the end. */
export class ShapeFiles implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async write(shape: Shape): Promise<ShapeFiles> {
    const path = `${DIRECTORY}/${shape.name.replaceAll(/[^\w.-]+/g, "_")}`;
    await writeRandomModel(path, shape);
    return new ShapeFiles(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}
