import {
  type AdapterHeader,
  type AdapterModule,
  projectionShape,
} from "../core/adapter_weights.ts";
import { F16_MAX } from "../core/dtype.ts";
import { WeftError } from "../core/errors.ts";
import type { ModelConfig } from "../core/model_config.ts";

/** @throws {WeftError} `bad_adapter` for a rank beyond `maxRank`, `internal` for what no sound loader sends. */
export function checkHeader(
  generation: string,
  header: AdapterHeader,
  { config, maxRank }: { config: ModelConfig; maxRank: number },
): void {
  if (header.maxRank > maxRank) {
    throw new WeftError(
      "bad_adapter",
      `Cannot load adapter ${generation}: rank ${header.maxRank} exceeds the configured maximum ${maxRank}`,
    );
  }
  const { modules } = header;
  const names = new Set(modules.map(({ layer, projection }) => `${projection} ${layer}`));
  const isSound = modules.length > 0 && names.size === modules.length &&
    Math.max(...modules.map(({ rank }) => rank)) === header.maxRank &&
    modules.every(({ layer, rank }) => rank > 0 && layer >= 0 && layer < config.numLayers);
  if (isSound) return;
  throw new WeftError(
    "internal",
    `Cannot load adapter ${generation}: its ${modules.length} modules of rank ${header.maxRank} ` +
      `at most are not each one of ${config.numLayers} layers`,
  );
}

/**
 * @throws {WeftError} `internal` when a module is not the one that the header says, `bad_adapter` when it
 * holds what f16 cannot.
 */
export function checkModule(
  generation: string,
  module: AdapterModule,
  { header, index, config, dtype }: {
    header: AdapterHeader;
    index: number;
    config: ModelConfig;
    dtype: "f16" | "f32";
  },
): void {
  const { layer, projection, rank, scale, a, b } = module;
  const said = header.modules[index];
  const { inSize, outSize } = projectionShape(config, projection);
  const isAsSaid = said?.layer === layer && said.projection === projection &&
    said.rank === rank && said.scale === scale &&
    a.length === rank * inSize && b.length === rank * outSize;
  if (!isAsSaid) {
    throw new WeftError(
      "internal",
      `Cannot load adapter ${generation}: module ${index} is not what was announced but ` +
        `${projection}_proj of layer ${layer}, rank ${rank}, ${a.length} and ${b.length} values`,
    );
  }
  if (dtype === "f16") refuseBeyondF16(generation, module);
}

/** Rounded to f16 such a value would be an infinity, and every answer no number. */
function refuseBeyondF16(
  generation: string,
  { layer, projection, a, b }: AdapterModule,
): void {
  for (const values of [a, b]) {
    // A plain loop: this looks at every value between two steps.
    let at = 0;
    while (at < values.length && Math.abs(values[at]) <= F16_MAX) at++;
    if (at === values.length) continue;
    throw new WeftError(
      "bad_adapter",
      `Cannot load adapter ${generation}: ${projection}_proj of layer ${layer} holds ${
        values[at]
      }, ` +
        `beyond f16's largest value ${F16_MAX}: use --dtype f32`,
    );
  }
}
