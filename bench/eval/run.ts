import { collectAnswers } from "./answers.ts";
import type { Client } from "./client.ts";
import { COMPOSITE_METHODS, type Method, SWEEP_METHODS, TASK_METHODS } from "./methods.ts";
import type { EvalOptions, Part } from "./options.ts";
import { collectRoutes } from "./routes.ts";
import { COMPOSITE_FILES, type Sample } from "./samples.ts";
import { loadRouter } from "./server.ts";
import type { Session } from "./session.ts";

/** The methods of each part that asks for answers. The sweep has the first router alone. */
const ANSWER_PARTS: readonly {
  part: Part;
  methods: readonly Method[];
  isComposite: boolean;
  countOf: "samples" | "compositeSamples" | "sweepSamples";
}[] = [
  { part: "tasks", methods: TASK_METHODS, isComposite: false, countOf: "samples" },
  { part: "composite", methods: COMPOSITE_METHODS, isComposite: true, countOf: "compositeSamples" },
  { part: "sweep", methods: SWEEP_METHODS, isComposite: false, countOf: "sweepSamples" },
];

/** Asks a server everything but the timing: first what needs no router, then router by router. */
export async function collect(
  { client, base, samples, session, options }: {
    client: Client;
    base: string;
    samples: readonly Sample[];
    session: Session;
    options: Pick<
      EvalOptions,
      "parts" | "methods" | "inFlight" | "samples" | "compositeSamples" | "sweepSamples"
    >;
  },
): Promise<void> {
  const limit = options.inFlight;
  async function answer(isRouted: boolean, seed: number | null): Promise<void> {
    for (const { part, methods, isComposite, countOf } of ANSWER_PARTS) {
      if (!options.parts.includes(part) || (part === "sweep" && seed !== 0)) continue;
      const chosen = methods.filter((method) =>
        method.isRouted === isRouted && (options.methods?.includes(method.name) ?? true)
      );
      const count = options[countOf];
      const own = samples.filter(({ file, index }) =>
        index < count && COMPOSITE_FILES.includes(file) === isComposite
      );
      const what = seed === null ? part : `router ${seed}, ${part}`;
      const { answers: kept } = session;
      await collectAnswers(what, {
        client,
        base,
        samples: own,
        methods: chosen,
        seed,
        kept,
        limit,
      });
    }
  }
  await answer(false, null);
  if (!needsRouter(options)) return;
  for (const [seed, { path }] of session.routers.entries()) {
    if (path !== null) await loadRouter(client, path);
    if (options.parts.includes("router")) {
      const single = samples.filter(({ file, index }) =>
        index < options.samples && !COMPOSITE_FILES.includes(file)
      );
      await collectRoutes({ client, samples: single, seed, kept: session.routes, limit });
    }
    await answer(true, seed);
  }
}

function needsRouter({ parts, methods }: Pick<EvalOptions, "parts" | "methods">): boolean {
  if (parts.includes("router")) return true;
  return ANSWER_PARTS.some((of) =>
    parts.includes(of.part) &&
    of.methods.some(({ isRouted, name }) => isRouted && (methods?.includes(name) ?? true))
  );
}
