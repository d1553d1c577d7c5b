import type { EngineInfo } from "../../engine/core/engine.ts";

export interface BannerOptions {
  info: EngineInfo;
  modelName: string;
  adapters: readonly string[];
  /** Null without one. */
  router: { version: string; labels: readonly string[] } | null;
  url: string;
  /** Bearer keys are asked for. */
  locked: boolean;
}

/** What a person sees when the server is ready: what runs, where, and a line to try. */
export function banner({ info, modelName, adapters, router, url, locked }: BannerOptions): string {
  const { device, dtype, quantize, tuning, maxModelLen, maxBatch } = info;
  const stored = quantize === "none" ? dtype : `${quantize} weights, ${dtype} cache`;
  const gpu = device.description || [device.vendor, device.architecture].join(" ").trim() || "?";
  const names = adapters.slice(0, 3).join(", ") + (adapters.length > 3 ? ", …" : "");
  const body = JSON.stringify({
    model: modelName,
    messages: [{ role: "user", content: "Hello!" }],
    stream: true,
  });
  return [
    `GPU       ${gpu}${device.isFallback ? " (software driver)" : ""}${
      tuning === "default" ? "" : `, kernels as ${tuning}`
    }`,
    `Model     ${modelName}, ${stored}, context ${maxModelLen}, batch ${maxBatch}`,
    `Adapters  ${adapters.length}${adapters.length > 0 ? `: ${names}` : ""}`,
    `Router    ${routerLine(router, adapters)}`,
    `Ready at  ${url}`,
    "",
    `Try       curl -N ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
    ...(locked ? ["            -H 'authorization: Bearer <key>' \\"] : []),
    `            -d ${shellQuote(body)}`,
  ].join("\n");
}

function routerLine(router: BannerOptions["router"], adapters: readonly string[]): string {
  if (router === null) return "none";
  const known = new Set(adapters);
  const on = router.labels.filter((label) => known.has(label)).length;
  return `version ${router.version}, ${on} of ${router.labels.length} classes with an adapter`;
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
