import { Hono } from "hono";
import type { SeatedRouter } from "../adapters/mod.ts";
import type { AppDeps } from "./ports.ts";
import type { AppEnv } from "./request_record.ts";

/**
 * Probes and metrics, open without a key: `/live` (the process answers), `/ready` (send requests
 * here), `/health` (the same, with the numbers), `/metrics` (Prometheus).
 */
export function healthRoutes(deps: AppDeps): Hono<AppEnv> {
  const { engine, lifecycle, metrics, settings, seat } = deps;
  const status = () => lifecycle.state === "ready" ? 200 : 503;
  return new Hono<AppEnv>()
    .get("/live", (c) => c.json({ status: "live" }))
    .get("/ready", (c) => c.json({ status: lifecycle.state }, status()))
    .get("/health", (c) => {
      const { device, dtype, quantize, tuning, maxModelLen, maxBatch, maxAdapters, maxLoraRank } =
        engine.info;
      return c.json({
        status: lifecycle.state,
        model: settings.modelName,
        device,
        dtype,
        quantize,
        tuning,
        router: routerOf(seat.present),
        limits: {
          max_model_len: maxModelLen,
          max_batch: maxBatch,
          max_adapters: maxAdapters,
          max_lora_rank: maxLoraRank,
        },
        running: engine.stats().running,
        waiting: engine.stats().waiting,
      }, status());
    })
    .get("/metrics", async (c) => {
      const { contentType, body } = await metrics.render();
      return c.body(body, 200, { "content-type": contentType });
    });
}

function routerOf(present: SeatedRouter | null): object | null {
  if (present === null) return null;
  const { generation, version, labels, prototypes } = present.info;
  return { generation, version, classes: labels.length, prototypes: prototypes.length };
}
