import { z } from "zod";
import { messageOf, WeftError } from "./core/errors.ts";
import { parseStrictJson } from "./core/json_strict.ts";
import { type DeviceTuning, PRODUCT_TILE_NAMES, ROW_SHARES } from "./core/tuning.ts";

/** Another one is for another version of the kernels: measured anew. */
const VERSION = 1;

const Count = z.int().min(1);
const Device = z.strictObject({
  device: z.string(),
  products: z.array(z.strictObject({
    rows: Count,
    cols: Count,
    format: z.enum(["f16", "f32", "int8", "int4"]),
    tiles: z.array(z.strictObject({ tokens: Count, tile: z.enum(PRODUCT_TILE_NAMES) }))
      .refine((plan) => plan[0]?.tokens === 1, "the first entry must be for 1 token")
      .refine(
        (plan) => plan.every(({ tokens }, i) => i === 0 || tokens > plan[i - 1].tokens),
        "tokens must rise",
      ).optional(),
    share: z.literal(ROW_SHARES).optional(),
  })),
});
const File = z.object({ version: z.literal(VERSION), devices: z.array(Device) });

/**
 * What was measured on the devices that a file knows; nothing where there is no file, or one of
 * another version.
 *
 * @throws {WeftError} `unsupported` when it can't be read or isn't what `writeTunings` writes.
 */
export async function readTunings(path: string): Promise<DeviceTuning[]> {
  try {
    const value = parseStrictJson(await Deno.readTextFile(path));
    const version = z.object({ version: z.number() }).parse(value).version;
    return version === VERSION ? File.parse(value).devices : [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new WeftError(
      "unsupported",
      `Cannot use the tuning in "${path}": ${why}. Start with --tune to measure anew, or delete it`,
      { cause: error },
    );
  }
}

/** Writes the file whole or not at all. */
export async function writeTunings(path: string, devices: readonly DeviceTuning[]): Promise<void> {
  const part = `${path}.part`;
  await Deno.writeTextFile(part, JSON.stringify({ version: VERSION, devices }, null, 2) + "\n");
  await Deno.rename(part, path);
}

/** `devices` with what was measured on one of them now, which replaces the same shapes' entries. */
export function withTuning(
  devices: readonly DeviceTuning[],
  { device, products }: DeviceTuning,
): DeviceTuning[] {
  const before = devices.find((known) => known.device === device)?.products ?? [];
  const kept = before.filter((old) =>
    !products.some((now) =>
      now.rows === old.rows && now.cols === old.cols && now.format === old.format
    )
  );
  const others = devices.filter((known) => known.device !== device);
  return [...others, { device, products: [...kept, ...products] }];
}
