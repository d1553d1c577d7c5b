import { quote, refuse } from "./refuse.ts";

/** Keys that change what an adapter computes when they are set, and what they ask for. */
const REFUSED_KEYS: Readonly<Record<string, string>> = {
  use_dora: "DoRA",
  lora_bias: "a bias on lora_B",
  modules_to_save: "modules saved whole",
  trainable_token_indices: "retrained token embeddings",
  alora_invocation_tokens: "activated LoRA (aLoRA)",
  layer_replication: "replicated layers",
  target_parameters: "bare parameters as targets",
  fan_in_fan_out: "weights stored transposed",
  use_qalora: "QA-LoRA",
  use_bdlora: "block-diagonal LoRA",
  arrow_config: "Arrow routing",
  kasa_config: "KaSA",
  monteclora_config: "Monte Carlo LoRA",
};

/** Sub-configurations that matter to training only. */
const TRAINING_CONFIGS: ReadonlySet<string> = new Set([
  "corda_config",
  "eva_config",
  "loftq_config",
  "lora_ga_config",
  "megatron_config",
  "runtime_config",
  "velora_config",
]);

/** Initialisations that leave the base as it is. */
const PLAIN_INITS: readonly unknown[] = [
  "gaussian",
  "eva",
  "orthogonal",
  "mica",
  true,
  false,
  null,
];

/**
 * Refuses a configuration that asks for more than `y += scale · B (A x)`, instead of computing something else.
 *
 * @throws {WeftError} `bad_adapter`.
 */
export function refuseUnsupported(config: Readonly<Record<string, unknown>>): void {
  const type = config.peft_type;
  if (type !== "LORA") {
    throw refuse(`its peft_type is ${quote(type)}; only "LORA" is supported`);
  }
  const bias = config.bias ?? "none";
  if (bias !== "none") {
    throw refuse(`its bias is ${quote(bias)}; trained biases are not supported, only "none"`);
  }
  for (const [key, value] of Object.entries(config)) {
    if (!isSet(value)) continue;
    const what = Object.hasOwn(REFUSED_KEYS, key) ? REFUSED_KEYS[key] : undefined;
    if (what !== undefined) {
      throw refuse(
        `it asks for ${what} (${key} is ${quote(value)}), which is not supported; plain LoRA is`,
      );
    }
    if (looksLikeVariant(key)) {
      throw refuse(
        `its ${key} is ${quote(value)}, a LoRA variant Weft does not know; plain LoRA is supported`,
      );
    }
  }
  refuseChangedBase(config.init_lora_weights);
}

/** PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA train against a base from which the initial update was subtracted. */
function refuseChangedBase(init: unknown): void {
  const plain = typeof init === "string" ? init.toLowerCase() : init ?? null;
  if (PLAIN_INITS.includes(plain)) return;
  throw refuse(
    `its init_lora_weights is ${
      quote(init)
    }, which changes the base's weights; save it as plain LoRA ` +
      `(in PEFT: save_pretrained with path_initial_model_for_weight_conversion)`,
  );
}

/** PEFT switches its variants on by `use_…: true` or a sub-configuration. */
function looksLikeVariant(key: string): boolean {
  if (key === "use_rslora" || TRAINING_CONFIGS.has(key)) return false;
  return key.startsWith("use_") || key.endsWith("_config");
}

function isSet(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
