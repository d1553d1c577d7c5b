"""All task adapters in one model, chosen token by token."""

from types import MethodType

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForCausalLM

from paths import ADAPTERS, PACK
from specs import task_names


class Routed:
    """The base with every task's adapter: W x + sum of w_i s_i B_i (A_i x), with weights w of each token's own."""

    def __init__(self, trainable=False, folder=ADAPTERS):
        base = AutoModelForCausalLM.from_pretrained(PACK, dtype=torch.float32, attn_implementation="eager")
        first, *others = task_names()
        options = {"is_trainable": trainable}
        self.model = PeftModel.from_pretrained(base, folder / first, adapter_name=first, **options)
        for name in others:
            self.model.load_adapter(folder / name, adapter_name=name, **options)
        self.llama = self.model.get_base_model()
        self.shares = {}
        for layer in self.model.modules():
            if isinstance(layer, LoraLayer):
                layer.forward = MethodType(self._forward, layer)

    def _forward(self, layer, x):
        result = layer.base_layer(x)
        flat, places, changes = x.flatten(0, 1).float(), [], []
        with torch.autocast("cpu", enabled=False):  # many small products are faster in f32
            for name, (index, weight) in self.shares.items():
                if name in layer.lora_A:
                    scale = (weight * layer.scaling[name]).unsqueeze(1)
                    places.append(index)
                    changes.append(layer.lora_B[name](layer.lora_A[name](flat[index]) * scale))
        if not places:
            return result
        change = torch.cat(changes).to(result.dtype)
        return result.flatten(0, 1).index_add(0, torch.cat(places), change).view_as(result)

    def hidden(self, rows, owners, pad, cache=None):
        """Last hidden states [rows, longest, hidden] of token ids, padded at the right.

        `owners` has a tuple of tasks for each token: their adapters, in equal parts, are what it goes through.
        A cache, for one row only, holds what came before these tokens and takes them in.
        """
        longest = max(map(len, rows))
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
        found = {}
        for row, row_owners in enumerate(owners):
            for position, names in enumerate(row_owners):
                for name in names:
                    index, weight = found.setdefault(name, ([], []))
                    index.append(row * longest + position)
                    weight.append(1 / len(names))
        self.shares = {name: tuple(map(torch.tensor, pair)) for name, pair in found.items()}
        output = self.llama.model(input_ids=ids, past_key_values=cache, use_cache=cache is not None)
        return output.last_hidden_state
