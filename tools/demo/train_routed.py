"""Trains the task adapters on, all at once, on composite prompts routed sentence by sentence.

Each starts as train_lora.py left it. In one pass over a composite every sentence goes through its own task's
adapter, as it does when a router changes the adapter and keeps the cache, so each learns to go on from what the
others computed, and to draw the first token of the sentence after its own.
"""

import json
import random
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from examples import composite, load_tokenizer, read, single
from paths import ADAPTERS, WORK
from routed import Routed
from specs import COMPOSITES, task_names
from train_lora import WORKERS, batches, finish_adapter, start_worker

RATE = 1e-3
ROUNDS = 2  # over the composites, with SINGLES of the single examples in between each time
SINGLES = 1 / 3
WARMUP = 20
SEED = 11


def routed_composite(tokenizer, example, rng):
    """(ids, learned, owners) of one composite under one of the ways in which a server may route it."""
    tasks = example["tasks"]
    way = rng.random()
    if way < 0.2:  # the text so far computed anew under one sentence's adapter
        task = rng.choice(tasks)
        ids, learned = composite(tokenizer, example, task)
        return ids, learned, [(task,)] * len(ids)
    ids, learned = composite(tokenizer, example)
    start = tuple(tasks) if way < 0.4 else (tasks[0],)
    owners = [start] * learned.index(True)
    for index, (task, answer) in enumerate(zip(tasks, example["answers"])):
        piece = tokenizer.encode((" " if index else "") + answer, add_special_tokens=False)
        owners += [(task,)] * len(piece)
        if way > 0.8 and index:  # changed before the sentence's first token
            owners[-len(piece) - 1] = (task,)
    return ids, learned, owners + owners[-1:]


def plan_batches(tokenizer):
    """All batches, the same for every worker."""
    rng = random.Random(SEED)
    singles = [
        (ids, learned, [(task,)] * len(ids))
        for task in task_names()
        for ids, learned in (single(tokenizer, example) for example in read("train", task))
    ]
    composites = [example for file in COMPOSITES for example in read("train", file)]
    plan = []
    for _ in range(ROUNDS):
        items = [routed_composite(tokenizer, example, rng) for example in composites]
        plan += batches(items + rng.sample(singles, round(len(singles) * SINGLES)), rng)
    return plan


def batch_loss(routed, batch, pad):
    """Mean cross-entropy over the learned tokens."""
    rows = [ids for ids, _, _ in batch]
    longest = max(map(len, rows))
    learned = torch.tensor([flags + [False] * (longest - len(flags)) for _, flags, _ in batch])
    targets = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])[:, 1:][learned[:, 1:]]
    with torch.autocast("cpu", torch.bfloat16):
        hidden = routed.hidden(rows, [owners for _, _, owners in batch], pad)
        logits = routed.llama.lm_head(hidden[:, :-1][learned[:, 1:]])
    return F.cross_entropy(logits.float(), targets)


def share_gradients(parameters):
    """Makes every worker's gradients their mean over the workers."""
    parts = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
    flat = torch.cat(parts)
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad = part.view_as(p)


def write(routed, record):
    routed.model.save_pretrained(ADAPTERS, selected_adapters=task_names())
    (ADAPTERS / "README.md").unlink()
    for name in task_names():
        finish_adapter(name)
    (WORK / "routed.json").write_text(json.dumps(record) + "\n")


def train(rank, store):
    start_worker()
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=WORKERS)
    tokenizer, routed = load_tokenizer(), Routed(trainable=True)
    plan = plan_batches(tokenizer)
    steps = len(plan) // WORKERS
    learned = [p for p in routed.model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)
    began, mean = time.time(), 0.0
    for step in range(steps):
        factor = min(1.0, (step + 1) / WARMUP, (steps - step) / (0.8 * steps))
        optimizer.param_groups[0]["lr"] = RATE * factor
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
        write(routed, {"steps": steps, "loss": round(mean, 4), "seconds": seconds})
    dist.barrier()


def main():
    store = WORK / "workers"
    store.unlink(missing_ok=True)
    mp.spawn(train, (store,), WORKERS)


if __name__ == "__main__":
    main()
