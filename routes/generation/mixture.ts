import type { Mixture } from "../../engine/core/generation.ts";
import { ApiError } from "../errors.ts";
import { unknownModel } from "../models.ts";
import type { AppDeps } from "../ports.ts";
import type { GenerationFields } from "../schema/common.ts";

/** An adapter of a mixture, as the answer's `weft.adapters` names it. */
export interface AppliedAdapter {
  id: string;
  generation: string;
  weight: number;
}

/** The adapters of one request, pinned until released. */
export interface PinnedMixture {
  adapters: readonly AppliedAdapter[];
  mixture: Mixture;
  /** Time the adapters took to come, in milliseconds. */
  fetchMs: number;
  release(): void;
}

/** An adapter that a request names, before it is pinned. */
export interface WantedAdapter {
  id: string;
  weight: number;
}

/** Pins every adapter of a mixture, or none. Throws what fetching one throws. */
export async function pinMixture(
  wanted: readonly WantedAdapter[],
  deps: Pick<AppDeps, "adapters" | "clock">,
  signal: AbortSignal,
): Promise<PinnedMixture> {
  const startedAt = deps.clock.now();
  const results = await Promise.allSettled(
    wanted.map(({ id }) => deps.adapters.acquire(id, signal)),
  );
  const leases = results.filter((result) => result.status === "fulfilled")
    .map((result) => result.value);
  const release = () => leases.forEach((lease) => lease.release());
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    release();
    throw failed.reason;
  }
  const adapters = wanted.map(({ id, weight }, i) => ({
    id,
    generation: leases[i].generation,
    weight,
  }));
  return {
    adapters,
    mixture: adapters.map(({ generation, weight }) => ({ generation, weight })),
    fetchMs: deps.clock.now() - startedAt,
    release,
  };
}

/**
 * Resolves `model` and `lora`: the base, one adapter by name, or a weighted mixture over the base.
 * Throws `not_found`, or `not_implemented` for "auto".
 */
export function resolveMixture(
  { model, lora }: Pick<GenerationFields, "model" | "lora">,
  { adapters, settings }: Pick<AppDeps, "adapters" | "settings">,
): WantedAdapter[] {
  const mixture = lora ?? [];
  if (model === settings.modelName) {
    mixture.forEach(({ id }, i) => {
      if (adapters.get(id) === undefined) throw unknownModel(id, `lora[${i}].id`);
    });
    return mixture.map(({ id, scale }) => ({ id, weight: scale }));
  }
  if (adapters.get(model) === undefined) {
    if (model === "auto") {
      throw new ApiError(
        "not_implemented",
        'The model "auto" needs a router, and this server has none; name the base, an adapter, ' +
          "or a mixture with `lora`",
        { param: "model" },
      );
    }
    throw unknownModel(model, "model");
  }
  if (mixture.length > 0) {
    throw new ApiError(
      "invalid_request",
      `The model "${model}" is an adapter itself: to apply \`lora\`, name the base ` +
        `"${settings.modelName}" as model`,
      { param: "lora" },
    );
  }
  return [{ id: model, weight: 1 }];
}
