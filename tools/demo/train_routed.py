"""Trains the task adapters on, all at once, on composite prompts routed sentence by sentence.

Each starts as train_lora.py left it. In one pass over a composite every sentence goes through its own task's
adapter, as it does when a router changes the adapter and keeps the cache, so each learns to go on from what the
others computed, and to draw the first token of the sentence after its own. There are two runs:

    python tools/demo/train_routed.py first
    python tools/demo/train_routed.py second
"""

import json
import random
import sys
import time
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from examples import composite, load_tokenizer, read, single
from paths import ADAPTERS, WORK
from routed import Routed
from specs import COMPOSITES, task_names
from train_lora import WORKERS, batches, finish_adapter, start_worker

WARMUP = 20
SEED = 11


@dataclass
class Run:
    """One run of training: its data, its rate and what it lays weight on."""

    data: str  # the split of the composites
    singles: tuple  # the splits of the single examples
    rounds: int  # over the composites, with a share of the single examples in between each time
    share: float
    rate: float
    ways: tuple  # weights of the ways in which a composite is routed, see routed_composite
    later: float  # what a sentence weighs in the loss more than the one before it
    opening: float  # what its first token weighs more than the others


RUNS = {
    "first": Run("train", ("train",), 2, 1 / 3, 1e-3, (0.2, 0.2, 0.4, 0.2), later=0.0, opening=0.0),
    "second": Run(
        "more", ("train", "more"), 1, 0.3, 1.2e-3, (0.25, 0.1, 0.3, 0.35), later=0.5, opening=1.0
    ),
}


def weigh(learned, lengths, run):
    """Weights in the loss of a composite's tokens, given which are learned and the sentences' lengths."""
    weights = [float(flag) for flag in learned]
    place = len(weights) - 1 - sum(lengths)
    for index, length in enumerate(lengths):
        for at in range(place, place + length):
            weights[at] *= 1 + index * run.later + (run.opening if at == place else 0)
        place += length
    weights[place] *= 1 + (len(lengths) - 1) * run.later
    return weights


def routed_composite(tokenizer, example, run, rng):
    """(ids, weights in the loss, owners) of one composite under one of the ways in which a server may route it."""
    tasks, answers = example["tasks"], example["answers"]
    pieces = [
        tokenizer.encode((" " if index else "") + answer, add_special_tokens=False)
        for index, answer in enumerate(answers)
    ]
    lengths = [len(piece) for piece in pieces]
    way, = rng.choices(("anew", "mixed", "late", "early"), run.ways)
    if way == "anew":  # the text so far computed anew under one sentence's adapter
        task = rng.choice(tasks)
        ids, learned = composite(tokenizer, example, task)
        return ids, weigh(learned, lengths, run), [(task,)] * len(ids)
    ids, learned = composite(tokenizer, example)
    start = tuple(tasks) if way == "mixed" else (tasks[0],)
    owners = [start] * learned.index(True)
    for index, (task, piece) in enumerate(zip(tasks, pieces)):
        owners += [(task,)] * len(piece)
        if way == "early" and index:  # changed before the sentence's first token
            owners[-len(piece) - 1] = (task,)
    return ids, weigh(learned, lengths, run), owners + owners[-1:]


def plan_batches(tokenizer, run):
    """All batches, the same for every worker."""
    rng = random.Random(SEED)
    singles = [
        (ids, [float(flag) for flag in learned], [(task,)] * len(ids))
        for task in task_names()
        for split in run.singles
        for ids, learned in (single(tokenizer, example) for example in read(split, task))
    ]
    composites = [example for file in COMPOSITES for example in read(run.data, file)]
    plan = []
    for _ in range(run.rounds):
        items = [routed_composite(tokenizer, example, run, rng) for example in composites]
        plan += batches(items + rng.sample(singles, round(len(singles) * run.share)), rng)
    return plan


def batch_loss(routed, batch, pad):
    """Weighted mean cross-entropy over the learned tokens."""
    rows = [ids for ids, _, _ in batch]
    longest = max(map(len, rows))
    weights = torch.tensor([row + [0.0] * (longest - len(row)) for _, row, _ in batch])[:, 1:]
    learned = weights > 0
    targets = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])[:, 1:][learned]
    with torch.autocast("cpu", torch.bfloat16):
        hidden = routed.hidden(rows, [owners for _, _, owners in batch], pad)
        logits = routed.llama.lm_head(hidden[:, :-1][learned])
    losses = F.cross_entropy(logits.float(), targets, reduction="none")
    return (losses * weights[learned]).sum() / weights[learned].sum()


def share_gradients(parameters):
    """Makes every worker's gradients their mean over the workers."""
    parts = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
    flat = torch.cat(parts)
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad = part.view_as(p)


def write(routed, name, record):
    routed.model.save_pretrained(ADAPTERS, selected_adapters=task_names())
    (ADAPTERS / "README.md").unlink()
    for task in task_names():
        finish_adapter(task)
    (WORK / f"routed_{name}.json").write_text(json.dumps(record) + "\n")


def train(rank, store, name):
    run = RUNS[name]
    start_worker()
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=WORKERS)
    tokenizer, routed = load_tokenizer(), Routed(trainable=True)
    plan = plan_batches(tokenizer, run)
    steps = len(plan) // WORKERS
    learned = [p for p in routed.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=run.rate, betas=(0.9, 0.98), weight_decay=0.0)
    began, mean = time.time(), 0.0
    for step in range(steps):
        factor = min(1.0, (step + 1) / WARMUP, (steps - step) / (0.8 * steps))
        optimizer.param_groups[0]["lr"] = run.rate * factor
        loss = batch_loss(routed, plan[step * WORKERS + rank], tokenizer.pad_token_id)
        loss.backward()
        share_gradients(learned)
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.item() if step == 0 else 0.97 * mean + 0.03 * loss.item()
        if rank == 0 and step % 20 == 0:
            print(f"{step}/{steps} loss {mean:.3f} {time.time() - began:.0f} s", flush=True)
    if rank == 0:
        seconds = round(time.time() - began)
        write(routed, name, {"steps": steps, "loss": round(mean, 4), "seconds": seconds})
    dist.barrier()


def main():
    store = WORK / "workers"
    store.unlink(missing_ok=True)
    mp.spawn(train, (store, sys.argv[1]), WORKERS)


if __name__ == "__main__":
    main()
