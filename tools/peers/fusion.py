"""DLP-LoRA's fusion on top of PEFT: several adapters of q_proj and v_proj, one after another.

The paper's (Zhang and Li, arXiv 2410.01497, and its published code, MeCuping/DLP-LoRA):

- The adapters change q_proj and v_proj only.
- A classifier reads the sentence; the likeliest tasks (top-p) lend their adapters, and each weighs as the softmax
  of its probability says.
- The forward passes of these layers of a PEFT model are replaced: the base's product, then in a Python loop each
  chosen adapter's B(A(x)), then their weighted sum.

Ours:

- The number of adapters is fixed instead of following from p, so that a figure belongs to a number.
- Each adapter has its own scale; the published code gives all of them the first one's. The cost is the same.
- The published code empties CUDA's cache in each layer, which is left out: it only costs time.
- The classifier is the mini-MLP of the paper's text in size and kind (four layers, about 5 million parameters) with
  random weights: what it costs doesn't depend on them. The published code has a transformer in its place.
"""

import types

import torch
from torch import nn

TARGETS = ("q_proj", "v_proj")
MLP_WIDTH = 1152


class MiniMlp(nn.Module):
    """Mean of the tokens' embeddings, three hidden layers, a score for each task."""

    def __init__(self, vocab, tasks):
        super().__init__()
        self.embedding = nn.EmbeddingBag(vocab, MLP_WIDTH, mode="mean")
        hidden = [layer for _ in range(2) for layer in (nn.Linear(MLP_WIDTH, MLP_WIDTH), nn.ReLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(MLP_WIDTH, 64), nn.ReLU(), nn.Linear(64, tasks))

    def forward(self, ids):
        return self.layers(self.embedding(ids[None]))[0]


class Fusion:
    """Replaces the forward passes of a PEFT model's target layers; `choose` says what they add."""

    def __init__(self, peft_model, names):
        self.names, self.chosen = names, []
        for path, module in peft_model.named_modules():
            if path.endswith(TARGETS) and hasattr(module, "lora_A"):
                module.forward = types.MethodType(self._forward_of(), module)

    def choose(self, scores, count):
        """Takes the `count` likeliest adapters."""
        probabilities, indices = torch.softmax(scores, -1).topk(count)
        weights = torch.softmax(probabilities, -1)
        self.chosen = [(self.names[i], w) for i, w in zip(indices.tolist(), weights.tolist())]

    def _forward_of(self):
        fusion = self

        def forward(self, x, *args, **kwargs):
            result = self.base_layer(x, *args, **kwargs)
            deltas = [self.lora_B[name](self.lora_A[name](x)) for name, _ in fusion.chosen]
            for delta, (name, weight) in zip(deltas, fusion.chosen):
                result = result + delta * (weight * self.scaling[name])
            return result

        return forward
