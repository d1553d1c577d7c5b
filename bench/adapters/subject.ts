import { stat } from "node:fs/promises";
import { WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import { DEMO } from "../demo_model.ts";

/** An adapter of the demo that stands for its size. */
export interface Subject {
  /** In series' names. */
  name: "small" | "large";
  adapter: string;
}

/** Bytes of its tensors' file, which are f16. */
export async function fileBytes({ adapter }: Subject): Promise<number> {
  return (await stat(`${DEMO}/adapters/${adapter}/${WEIGHTS_FILE}`)).size;
}
