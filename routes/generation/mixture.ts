import type { AdapterLevel } from "../../adapters/mod.ts";
import { WeftError } from "../../engine/core/errors.ts";
import type { Mixture } from "../../engine/core/generation.ts";
import { adminError } from "../adapters/admin_errors.ts";
import { ApiError } from "../errors.ts";
import { unknownModel } from "../models.ts";
import type { AppDeps } from "../ports.ts";
import type { GenerationFields } from "../schema/common.ts";
import { isAuto } from "./routing.ts";

/** An adapter of a mixture, as the answer's `weft.adapters` names it. */
export interface AppliedAdapter {
  /** Its name; of one by URL, the URL without user and query. */
  id: string;
  generation: string;
  weight: number;
  /** Where it was found. */
  cache: AdapterLevel;
}

/** The adapters of one request, pinned until released. */
export interface PinnedMixture {
  adapters: readonly AppliedAdapter[];
  mixture: Mixture;
  /** Time the adapters took to come, in milliseconds. */
  fetchMs: number;
  release(): void;
}

/** An adapter that a request asks for, before it is pinned. */
export interface WantedAdapter {
  kind: "name" | "url";
  /** The name or URL. */
  id: string;
  weight: number;
  /** The field that asks for it. */
  param: string;
}

/** Pins every adapter of a mixture, or none. Throws what fetching one throws. */
export async function pinMixture(
  wanted: readonly WantedAdapter[],
  deps: Pick<AppDeps, "adapters" | "clock">,
  signal: AbortSignal,
): Promise<PinnedMixture> {
  const { adapters: catalog, clock } = deps;
  const startedAt = clock.now();
  // One that fails ends the wait for the others, which may take long.
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const results = await Promise.allSettled(wanted.map(async ({ kind, id, param }) => {
    try {
      return await (kind === "url" ? catalog.acquireUrl(id, either) : catalog.acquire(id, either));
    } catch (error) {
      failure.abort(reasonOf(error, { kind, id, param }));
      throw error;
    }
  }));
  const leases = results.filter((result) => result.status === "fulfilled")
    .map((result) => result.value);
  const release = () => leases.forEach((lease) => lease.release());
  if (failure.signal.aborted) {
    release();
    throw failure.signal.reason;
  }
  const adapters = leases.map(({ name, generation, level }, i) => ({
    id: name,
    generation,
    weight: wanted[i].weight,
    cache: level,
  }));
  return {
    adapters,
    mixture: adapters.map(({ generation, weight }) => ({ generation, weight })),
    fetchMs: clock.now() - startedAt,
    release,
  };
}

/** A name may go while the request is on its way; a URL is an admin's, who is told as in an order. */
function reasonOf(
  error: unknown,
  { kind, id, param }: Pick<WantedAdapter, "kind" | "id" | "param">,
): unknown {
  if (!(error instanceof WeftError)) return error;
  if (kind === "url") return adminError(error);
  return error.reason === "adapter_not_found" ? unknownModel(id, param) : error;
}

/** From the quickest to the slowest. */
const LEVELS: readonly AdapterLevel[] = ["gpu", "ram", "disk", "origin"];

/** The slowest level that any adapter came from; undefined without adapters. */
export function slowestLevel(adapters: readonly AppliedAdapter[]): AdapterLevel | undefined {
  return LEVELS.findLast((level) => adapters.some(({ cache }) => cache === level));
}

export interface ResolveOptions {
  /** Throws where the request may not name adapters by URL. */
  requireUrls(): void;
}

/**
 * Resolves `model` and `lora`: the base, one adapter by name, or a weighted mixture over the base. None for
 * "auto", whose adapters the router chooses. Throws `not_found`, or `forbidden` for a URL.
 */
export function resolveMixture(
  { model, lora }: Pick<GenerationFields, "model" | "lora">,
  { adapters, settings }: Pick<AppDeps, "adapters" | "settings">,
  { requireUrls }: ResolveOptions,
): WantedAdapter[] {
  const mixture = lora ?? [];
  if (isAuto(model, settings)) return [];
  if (model === settings.modelName) {
    if (mixture.some(({ url }) => url !== undefined)) requireUrls();
    return mixture.map(({ id, url, scale }, i): WantedAdapter => {
      if (url !== undefined) {
        return { kind: "url", id: url, weight: scale, param: `lora[${i}].url` };
      }
      const param = `lora[${i}].id`;
      if (adapters.get(id!) === undefined) throw unknownModel(id!, param);
      return { kind: "name", id: id!, weight: scale, param };
    });
  }
  if (adapters.get(model) === undefined) throw unknownModel(model, "model");
  if (mixture.length > 0) {
    throw new ApiError(
      "invalid_request",
      `The model "${model}" is an adapter itself: to apply \`lora\`, name the base ` +
        `"${settings.modelName}" as model`,
      { param: "lora" },
    );
  }
  return [{ kind: "name", id: model, weight: 1, param: "model" }];
}
