"""Composite prompts answered by their own tasks' adapters: what a router that is never wrong would give.

The adapter changes at each sentence of the reply. Rules:

- `mixture`: it does not; all adapters of the prompt's tasks at equal weights throughout.
- `carry`: prompt and first sentence go through the first task's adapter. The first token of another sentence is
  drawn under the adapter before and goes through the sentence's own; what is cached stays.
- `recompute`: likewise, but the text so far is then computed anew under the sentence's own adapter.
- `redraw`, `redraw_recompute`: the sentence's first token is drawn under its own adapter too.
"""

import torch
from transformers import DynamicCache

from examples import prompt_ids
from scores import MAX_NEW_TOKENS, score, sentence_score

RULES = ("mixture", "carry", "recompute", "redraw", "redraw_recompute")


class Reply:
    """A reply as it grows, and the tasks whose adapters each token of it and of the prompt goes through."""

    def __init__(self, tokenizer, example, rule):
        self.tokenizer, self.tasks, self.rule = tokenizer, example["tasks"], rule
        self.ids = prompt_ids(tokenizer, example["messages"])
        self.prompt_length = len(self.ids)
        start = tuple(self.tasks) if rule == "mixture" else (self.tasks[0],)
        self.owners = [start] * len(self.ids)
        self.sentence, self.text, self.ended = 0, "", False
        self.forget()

    def forget(self):
        self.cache, self.cached = DynamicCache(), 0

    def draw(self, routed):
        """The likeliest next token."""
        ids, owners = self.ids[self.cached:], self.owners[self.cached:]
        hidden = routed.hidden([ids], [owners], self.tokenizer.pad_token_id, self.cache)
        self.cached = len(self.ids)
        return routed.llama.lm_head(hidden[0, -1]).argmax().item()

    def add(self, token):
        if token == self.tokenizer.eos_token_id:
            self.ended = True
            return
        before = self.text
        self.ids.append(token)
        self.text = self.tokenizer.decode(self.ids[self.prompt_length:])
        complete = self.text if self.rule.startswith("redraw") else before
        if complete.endswith((".", "!", "?")):
            self.sentence = min(self.sentence + 1, len(self.tasks) - 1)
        own = self.owners[0] if self.rule == "mixture" else (self.tasks[self.sentence],)
        self.owners.append(own)
        if self.rule.endswith("recompute") and own != self.owners[0]:
            self.forget()
            self.owners = [own] * len(self.ids)


@torch.no_grad()
def routed_scores(routed, tokenizer, examples, rule):
    replies = [Reply(tokenizer, example, rule) for example in examples]
    for reply in replies:
        for _ in range(MAX_NEW_TOKENS):
            if not reply.ended:
                reply.add(reply.draw(routed))
        reply.forget()
    replies = [(reply.text.strip(), reply.ended) for reply in replies]
    return score(replies, examples) | {"sentences": sentence_score(replies, examples)}
