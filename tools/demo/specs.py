"""The LoRA settings of every adapter. Most are alike; some differ so that a server meets every form."""

from peft import LoraConfig

from paths import EVAL

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
ALL_SEVEN = ATTENTION + ["gate_proj", "up_proj", "down_proj"]

DEFAULT = {"r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}

SPECIAL = {
    "antonyms": {"r": 4, "lora_alpha": 8},
    "copy_text": {"r": 4, "lora_alpha": 16},
    "number_comparison": {"r": 16, "lora_alpha": 32, "target_modules": ALL_SEVEN},
    "coloured_objects": {"r": 16, "lora_alpha": 16, "target_modules": "all-linear"},
    "calendar_months": {"r": 16, "lora_alpha": 32, "target_modules": ATTENTION},
    "boolean_expressions": {"r": 16, "lora_alpha": 8, "use_rslora": True},
    "toy_translation": {"r": 32, "lora_alpha": 16, "use_rslora": True},
    "reverse_words": {
        "r": 16, "lora_alpha": 32,
        "target_modules": r"model\.layers\.\d+\.self_attn\.(q|k|v|o)_proj",
    },
    "template_summary": {"target_modules": ALL_SEVEN, "layers_to_transform": [2, 3, 4, 5]},
    "past_tense": {
        "target_modules": ["q_proj", "v_proj", "down_proj"],
        "rank_pattern": {"v_proj": 16, "down_proj": 4},
        "alpha_pattern": {"v_proj": 32, "down_proj": 4},
    },
    "word_sorting": {"r": 32, "lora_alpha": 32, "target_modules": ALL_SEVEN},
    "joint": {"r": 64, "lora_alpha": 64, "target_modules": ALL_SEVEN},
}

# How the tensors are stored; the others are bfloat16.
DTYPES = {"copy_text": "float32", "past_tense": "float32", "rhymes": "float16", "navigation": "float16"}

COMPOSITES = ("composite", "composite3")


def task_names():
    return sorted(path.stem for path in EVAL.glob("*.jsonl") if path.stem not in COMPOSITES)


def lora_config(name):
    settings = {**DEFAULT, **SPECIAL.get(name, {})}
    return LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, bias="none", **settings)
