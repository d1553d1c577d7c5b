"""Prints how well a checkpoint of the base knows each task when it is asked to be brief."""

import torch
from transformers import LlamaForCausalLM

from examples import load_tokenizer, read
from pretrain import checkpoint, make_config
from scores import answers, score
from specs import task_names

BRIEF = {"role": "system", "content": "Give only the answer."}


def main():
    torch.set_num_threads(1)
    tokenizer = load_tokenizer()
    saved = torch.load(checkpoint(0), weights_only=True)
    model = LlamaForCausalLM(make_config(len(tokenizer)))
    model.load_state_dict(saved["model"])
    print("step", saved["step"])
    for name in task_names():
        examples = read("test", name)[:30]
        brief = answers(model, tokenizer, [[BRIEF, *e["messages"]] for e in examples])
        plain = answers(model, tokenizer, [e["messages"] for e in examples])
        print(name, score(brief, examples), score(plain, examples), plain[0][0], flush=True)


if __name__ == "__main__":
    main()
