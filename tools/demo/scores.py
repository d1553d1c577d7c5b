"""Greedy answers and how they are scored."""

import torch

from examples import prompt_ids

MAX_NEW_TOKENS = 48


@torch.no_grad()
def answers(model, tokenizer, conversations):
    """(reply, whether it ended by itself) of free-running greedy decoding for each list of messages."""
    prompts = [prompt_ids(tokenizer, messages) for messages in conversations]
    longest = max(map(len, prompts))
    pad = tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    output = model.generate(
        input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=MAX_NEW_TOKENS,
    )[:, longest:]
    ended = (output == tokenizer.eos_token_id).any(dim=1).tolist()
    texts = tokenizer.batch_decode(output, skip_special_tokens=True)
    return [(text.strip(), end) for text, end in zip(texts, ended)]


def longest_common(left, right):
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for index, other in enumerate(right, 1):
            above = row[index]
            row[index] = diagonal + 1 if word == other else max(above, row[index - 1])
            diagonal = above
    return row[-1]


def rouge_l(reply, answer):
    """F1 of the longest common subsequence of words."""
    left, right = reply.split(), answer.split()
    common = longest_common(left, right)
    return 2 * common / (len(left) + len(right)) if common else 0.0


def score(replies, examples):
    count = len(examples)
    pairs = [(reply, example["answer"]) for (reply, _), example in zip(replies, examples)]
    return {
        "exact": round(100 * sum(reply == answer for reply, answer in pairs) / count, 1),
        "rouge_l": round(100 * sum(rouge_l(reply, answer) for reply, answer in pairs) / count, 1),
        "ended": round(100 * sum(ended for _, ended in replies) / count, 1),
    }


def sentence_score(replies, examples):
    """Share of a composite's sentences that are right in their place."""
    right = total = 0
    for (reply, _), example in zip(replies, examples):
        rest = reply
        for answer in example["answers"]:
            total += 1
            if rest.startswith(answer):
                right += 1
                rest = rest[len(answer):].lstrip()
            else:
                rest = rest.partition(". ")[2]
    return round(100 * right / total, 1)
