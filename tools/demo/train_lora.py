"""Trains LoRA adapters on the finished base, two at a time: those named, or all that do not exist yet."""

import json
import os
import random
import sys
import time
import zlib

import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from peft import get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from examples import load_tokenizer, training_set
from paths import ADAPTERS, PACK, WORK
from specs import DTYPES, lora_config, task_names

TOKENS_PER_BATCH = 1400
COMPOSITE_LIMIT = 120
RATE, JOINT_RATE = 3e-3, 1e-3
EPOCHS, JOINT_EPOCHS = 6, 1
WARMUP = 10
WORKERS = 2


def batches(items, rng):
    """Batches of like length, at most about TOKENS_PER_BATCH tokens each, in random order."""
    items = sorted(items, key=lambda item: (len(item[0]), rng.random()))
    made, batch = [], []
    for item in items:
        if batch and (len(batch) + 1) * len(item[0]) > TOKENS_PER_BATCH:
            made.append(batch)
            batch = []
        batch.append(item)
    made.append(batch)
    rng.shuffle(made)
    return made


def batch_loss(model, batch, pad):
    """Mean cross-entropy over the learned tokens; the padding stands at the right, after them."""
    longest = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in batch])
    learned = torch.tensor([flags + [False] * (longest - len(flags)) for _, flags in batch])
    llama = model.get_base_model()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = llama.model(input_ids=ids, use_cache=False).last_hidden_state
        logits = llama.lm_head(hidden[:, :-1][learned[:, 1:]])
    return F.cross_entropy(logits.float(), ids[:, 1:][learned[:, 1:]])


def finish_adapter(name):
    """Stores the tensors that peft saved in the adapter's type and drops the machine's paths."""
    folder = ADAPTERS / name
    dtype = getattr(torch, DTYPES.get(name, "bfloat16"))
    weights = folder / "adapter_model.safetensors"
    tensors = {key: value.to(dtype).contiguous() for key, value in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "weft-demo"
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / "README.md").unlink(missing_ok=True)


def train(name):
    tokenizer, tasks = load_tokenizer(), task_names()
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    rng = random.Random(seed)
    base = AutoModelForCausalLM.from_pretrained(PACK, dtype=torch.float32)
    model = get_peft_model(base, lora_config(name)).train()
    items = training_set(tokenizer, name, tasks, COMPOSITE_LIMIT)
    epochs, rate = (JOINT_EPOCHS, JOINT_RATE) if name == "joint" else (EPOCHS, RATE)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    plan = [batch for _ in range(epochs) for batch in batches(items, rng)]
    began, total = time.time(), 0.0
    for step, batch in enumerate(plan):
        factor = min(1.0, (step + 1) / WARMUP, (len(plan) - step) / (0.6 * len(plan)))
        optimizer.param_groups[0]["lr"] = rate * factor
        loss = batch_loss(model, batch, tokenizer.pad_token_id)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        total = loss.item() if step == 0 else 0.95 * total + 0.05 * loss.item()
    model.save_pretrained(ADAPTERS / name)
    finish_adapter(name)
    seconds = time.time() - began
    record = {"name": name, "steps": len(plan), "loss": round(total, 4), "seconds": round(seconds)}
    with open(WORK / "adapters.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    print(record, flush=True)


def start_worker():
    os.setsid()  # a share of the machine of its own, see pretrain.py
    torch.set_num_threads(1)


def main():
    names = sys.argv[1:] or [
        name for name in ["joint", *task_names()]
        if not (ADAPTERS / name / "adapter_model.safetensors").exists()
    ]
    with mp.get_context("spawn").Pool(WORKERS, start_worker) as pool:
        for _ in pool.imap_unordered(train, names, chunksize=1):
            pass


if __name__ == "__main__":
    main()
