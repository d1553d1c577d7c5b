"""Composite prompts under an equal mixture of the adapters of their tasks: W x + sum of w_i s_i B_i (A_i x)."""

import torch
from peft import PeftModel

from paths import ADAPTERS
from scores import answers, score, sentence_score
from specs import task_names


def adapter_deltas(base):
    """For every task, the change that its adapter makes to each projection it adapts."""
    names = task_names()
    model = None
    for name in names:
        if model is None:
            model = PeftModel.from_pretrained(base, ADAPTERS / name, adapter_name=name)
        else:
            model.load_adapter(ADAPTERS / name, adapter_name=name)
    layers = [m for m in model.modules() if hasattr(m, "get_delta_weight")]
    deltas = {
        name: [(m.base_layer, m.get_delta_weight(name)) for m in layers if name in m.lora_A]
        for name in names
    }
    return model.unload(), deltas


@torch.no_grad()
def mixture_scores(base, tokenizer, examples):
    """Each prompt is answered with its own tasks' adapters, all at the same weight, throughout."""
    model, deltas = adapter_deltas(base)
    clean = {name: value.clone() for name, value in model.state_dict().items()}
    replies = []
    for example in examples:
        for task in example["tasks"]:
            for layer, delta in deltas[task]:
                layer.weight += delta / len(example["tasks"])
        replies += answers(model, tokenizer, [example["messages"]])
        model.load_state_dict(clean)
    return score(replies, examples) | {"sentences": sentence_score(replies, examples)}
