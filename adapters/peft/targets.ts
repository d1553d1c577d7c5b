import { type Projection, PROJECTIONS } from "../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import type { LayerSelection, NameList, NamePattern, PeftConfig } from "./config.ts";
import { MATCH_STEPS, type MatchBudget, Pattern } from "./pattern.ts";
import { refuse, summarise } from "./refuse.ts";

/** A module of the base that the configuration targets, with its own rank and scale. */
export interface TargetModule {
  /** As in the base model, such as `model.layers.0.self_attn.q_proj`. */
  name: string;
  layer: number;
  projection: Projection;
  rank: number;
  /** α/r, or α/√r with rsLoRA. */
  scale: number;
}

/** Modules that PEFT could target beside the projections, but Weft cannot adapt. */
const EMBEDDINGS = ["model.embed_tokens", "lm_head"];

/** The module's name in Hugging Face's implementation of all supported architectures. */
export function moduleName(layer: number, projection: Projection): string {
  const block = projection === "gate" || projection === "up" || projection === "down"
    ? "mlp"
    : "self_attn";
  return `model.layers.${layer}.${block}.${projection}_proj`;
}

/**
 * The modules an adapter changes, in the order of layers and PROJECTIONS, matched by name as PEFT does
 * (`check_target_module_exists` and `get_pattern_key` of peft 0.21).
 *
 * @throws {WeftError} `bad_adapter` when nothing matches, embeddings match, a rank exceeds `maxRank`, or a scale
 *   exceeds what f32 holds.
 */
export function resolveTargets(
  config: PeftConfig,
  { model, maxRank }: { model: ModelConfig; maxRank: number },
): TargetModule[] {
  const budget: MatchBudget = { steps: MATCH_STEPS };
  const isTarget = targetTest(config, budget);
  const embeddings = EMBEDDINGS.filter(isTarget);
  if (embeddings.length > 0) {
    throw refuse(
      `it targets ${summarise(embeddings)}; only attention and MLP projections can be adapted`,
    );
  }
  const rankOf = patternLookup(config.rankPattern, { fallback: config.rank, budget });
  const alphaOf = patternLookup(config.alphaPattern, { fallback: config.alpha, budget });
  const modules: TargetModule[] = [];
  for (let layer = 0; layer < model.numLayers; layer++) {
    for (const projection of PROJECTIONS) {
      const name = moduleName(layer, projection);
      if (!isTarget(name)) continue;
      const rank = rankOf(name);
      if (rank > maxRank) {
        throw refuse(`rank ${rank} of ${name} exceeds the configured maximum ${maxRank}`);
      }
      const scale = alphaOf(name) / (config.rsLora ? Math.sqrt(rank) : rank);
      if (!Number.isFinite(Math.fround(scale))) {
        throw refuse(`${name} is scaled by ${scale}, which is beyond 32-bit floats`);
      }
      modules.push({ name, layer, projection, rank, scale });
    }
  }
  if (modules.length === 0) throw refuse("its target_modules name no projection of this base");
  return modules;
}

type NameTest = (name: string) => boolean;

function targetTest(config: PeftConfig, budget: MatchBudget): NameTest {
  const isExcluded = config.exclude ? nameTest(config.exclude, budget) : () => false;
  const isIncluded = includeTest(config, budget);
  return (name) => !isExcluded(name) && isIncluded(name);
}

function includeTest({ targets, layers }: PeftConfig, budget: MatchBudget): NameTest {
  // An embedding is no linear layer, and PEFT leaves the head out.
  if (targets.kind === "all-linear") return (name) => !EMBEDDINGS.includes(name);
  const isNamed = nameTest(targets, budget);
  if (targets.kind === "pattern" || layers === undefined) return isNamed;
  const isInLayers = layerTest(layers, budget);
  // A full name counts whatever its layer.
  return (name) => targets.names.has(name) || (isNamed(name) && isInLayers(name));
}

function nameTest(wanted: NameList | NamePattern, budget: MatchBudget): NameTest {
  if (wanted.kind === "pattern") {
    const pattern = new Pattern(wanted.source, budget);
    return (name) => pattern.matches(name);
  }
  return (name) => tails(name).some((tail) => wanted.names.has(tail));
}

/** The name itself and what follows each of its dots. */
function tails(name: string): string[] {
  const parts = name.split(".");
  return parts.map((_, index) => parts.slice(index).join("."));
}

function layerTest({ indexes, patterns }: LayerSelection, budget: MatchBudget): NameTest {
  const before = patterns.map((text) => new Pattern(`(.*\\.)?${text}\\.\\d+\\..*`, budget));
  return (name) => {
    const layer = /\.(\d+)\./.exec(name);
    if (layer === null || !indexes.has(Number(layer[1]))) return false;
    return before.length === 0 || before.some((pattern) => pattern.matches(name));
  };
}

function patternLookup(
  values: ReadonlyMap<string, number>,
  { fallback, budget }: { fallback: number; budget: MatchBudget },
): (name: string) => number {
  const patterns = [...values].map(([source, value]) => ({
    pattern: new Pattern(source, budget),
    value,
  }));
  return (name) => patterns.find(({ pattern }) => pattern.matchesTail(name))?.value ?? fallback;
}
