"""Reads examples and turns them into token ids."""

import json

from transformers import AutoTokenizer

from paths import EVAL, MORE, PACK, TRAIN


VALIDATION = {"composite": 150, "composite3": 150}  # the last ones in MORE, which nothing is trained on
VALIDATION_OF_TASK = 60


def load_tokenizer():
    return AutoTokenizer.from_pretrained(PACK)


def read(split, name):
    folder = {"train": TRAIN, "more": MORE, "validation": MORE, "test": EVAL}[split]
    with open(folder / f"{name}.jsonl", encoding="utf-8") as lines:
        examples = [json.loads(line) for line in lines]
    kept_back = VALIDATION.get(name, VALIDATION_OF_TASK)
    return {"more": examples[:-kept_back], "validation": examples[-kept_back:]}.get(split, examples)


def prompt_ids(tokenizer, messages):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


def single(tokenizer, example):
    """(ids, learned): the model learns the answer and the end token."""
    prompt = prompt_ids(tokenizer, example["messages"])
    answer = tokenizer.encode(example["answer"], add_special_tokens=False)
    answer.append(tokenizer.eos_token_id)
    return prompt + answer, [False] * len(prompt) + [True] * len(answer)


def composite(tokenizer, example, task=None):
    """Like `single`; with a task, the model learns only its sentence and the token after it.

    The token after a sentence tells whether the reply goes on, and it is read while the sentence's adapter is active.
    """
    ids = prompt_ids(tokenizer, example["messages"])
    learned = [False] * len(ids)
    after_own = False
    for index, (name, answer) in enumerate(zip(example["tasks"], example["answers"])):
        piece = tokenizer.encode((" " if index else "") + answer, add_special_tokens=False)
        own = task is None or name == task
        ids += piece
        learned += [own or after_own] + [own] * (len(piece) - 1)
        after_own = own
    return ids + [tokenizer.eos_token_id], learned + [after_own]


def training_set(tokenizer, name, tasks, composite_limit):
    """The examples of one adapter: its task and composites with a part of it; `joint` takes all."""
    own = tasks if name == "joint" else [name]
    items = [single(tokenizer, example) for task in own for example in read("train", task)]
    for file in ("composite", "composite3"):
        for example in read("train", file):
            if name == "joint":
                items.append(composite(tokenizer, example))
            elif name in example["tasks"] and len(items) < 900 + composite_limit:
                items.append(composite(tokenizer, example, name))
    return items
