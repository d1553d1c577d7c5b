import { Hono } from "hono";
import type { RouterInfo } from "../../engine/core/router.ts";
import type { TextRoute } from "../../engine/core/routing.ts";
import { routerText, splitSentences } from "../../engine/mod.ts";
import { startTask } from "../adapters/task.ts";
import { readJsonObject } from "../body.ts";
import { ApiError } from "../errors.ts";
import { optionsOf, requireRouter } from "../generation/routing.ts";
import { MAX_ROUTED_CHARACTERS, MAX_ROUTED_SENTENCES } from "../limits.ts";
import type { AppDeps } from "../ports.ts";
import type { AppEnv } from "../request_record.ts";
import { chatMessages } from "../schema/chat.ts";
import { parseBody } from "../schema/parse.ts";
import { type RouteBody, routeSchema } from "../schema/router.ts";
import { refuseUnsupportedMessages } from "../schema/unsupported.ts";

/** Texts of one call to the engine; the thread serves others between two. */
const BATCH = 32;

/** What the router makes of a text; all of its classes, likeliest or not. */
interface ShownRoute {
  adapters: { id: string; generation: string | null; weight: number }[];
  confidence: number;
  entropy: number;
  abstained: boolean;
  probabilities: Record<string, number>;
}

/** `POST /v1/route`: what the router would do with a text, sentence by sentence. Nothing is generated. */
export function routeRoutes(deps: AppDeps): Hono<AppEnv> {
  const { engine, settings, lifecycle } = deps;
  return new Hono<AppEnv>().post("/v1/route", async (c) => {
    const raw = await readJsonObject(c.req.raw, { maxBytes: settings.maxBodyBytes });
    refuseUnsupportedMessages(raw.messages);
    const body = parseBody(routeSchema, raw);
    c.get("record").model = "auto";
    const { text, whole } = textOf(body);
    const sentences = splitSentences(text);
    if (sentences.length > MAX_ROUTED_SENTENCES) {
      throw tooLong(`${sentences.length} sentences`, `${MAX_ROUTED_SENTENCES} sentences`);
    }
    const router = requireRouter(engine);
    // Each as if the text ended with it.
    const ends = sentences.map(({ end }) =>
      end === text.length ? whole : routerText(text.slice(0, end).trimEnd())
    );
    const routed = await startTask(
      (signal) => routeAll(ends, { body, router, deps, signal }),
      { lifecycle, client: c.req.raw.signal },
    );
    const shown = sentences.map(({ start, end }, index) => ({
      index,
      text: text.slice(start, end),
      ...routed.routes[index],
    }));
    const { generation, version } = routed.router;
    return c.json({
      object: "route",
      router: { generation, version },
      sentences: shown,
      // A text's last sentence is routed by the whole of it.
      whole: routed.routes.at(-1),
    });
  });
}

interface RouteOptions {
  body: RouteBody;
  router: RouterInfo;
  deps: AppDeps;
  signal: AbortSignal;
}

async function routeAll(
  texts: readonly string[],
  { body, router, deps, signal }: RouteOptions,
): Promise<{ router: RouterInfo; routes: ShownRoute[] }> {
  const { engine, tokenizer, adapters } = deps;
  const options = optionsOf(body, router);
  const routes: ShownRoute[] = [];
  let answering = router;
  for (let from = 0; from < texts.length; from += BATCH) {
    signal.throwIfAborted();
    const batch = texts.slice(from, from + BATCH)
      .map((text) => tokenizer.encodeTail(text, router.maxTokens));
    const answer = await engine.router.route(batch, options);
    if (from > 0 && answer.router.generation !== answering.generation) {
      throw new ApiError("unavailable", "The router was swapped meanwhile; ask again", {
        reason: "router_swapped",
        retryAfterSeconds: 1,
      });
    }
    answering = answer.router;
    const labels = [...answering.labels, ...answering.prototypes];
    const generationOf = (label: string) => adapters.get(label)?.generation ?? null;
    for (const route of answer.routes) routes.push(showRoute(route, { labels, generationOf }));
  }
  return { router: answering, routes };
}

function showRoute(
  { choices, confidence, entropy, abstained, probabilities }: TextRoute,
  { labels, generationOf }: {
    labels: readonly string[];
    generationOf: (label: string) => string | null;
  },
): ShownRoute {
  return {
    adapters: choices.map(({ classIndex, weight }) => {
      const id = labels[classIndex];
      return { id, generation: generationOf(id), weight };
    }),
    confidence,
    entropy,
    abstained,
    // Entries by pairs: a label may be "__proto__".
    probabilities: Object.fromEntries(labels.map((label, i) => [label, probabilities[i] ?? 0])),
  };
}

/** What is split and shown, and the same as the router sees it. */
function textOf({ input, messages }: RouteBody): { text: string; whole: string } {
  if (((input ?? null) === null) === ((messages ?? null) === null)) {
    throw new ApiError("invalid_request", 'Expected either "input" or "messages"', {
      param: "input",
    });
  }
  const given = input ?? messages!;
  const whole = routerText(typeof given === "string" ? given : chatMessages(given));
  const text = typeof given === "string" ? given : whole;
  if (text.length > MAX_ROUTED_CHARACTERS) {
    throw tooLong(`${text.length} characters`, `${MAX_ROUTED_CHARACTERS} characters`);
  }
  return { text, whole };
}

function tooLong(what: string, allowed: string): ApiError {
  return new ApiError(
    "invalid_request",
    `Cannot route a text of ${what}: at most ${allowed} are taken`,
    { param: "input" },
  );
}
