"""Trains the base from scratch, in two processes of one thread each that share every step's gradient.

On a busy machine this is faster than one process of two threads, whose every operation waits for the slower thread.
Resumes from its last checkpoint.
"""

import argparse
import json
import os
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from paths import PACK, WORK, write_json

SEED = 7
TOKENS_PER_STEP = 4096
ROW = 256  # tokens a packed row
LONG_ROW, LONG_EVERY = 1024, 8  # every 8th step has long rows
WARMUP, DECAY = 60, 0.3  # steps; share of the run over which the rate falls to zero
MUON_RATE, ADAM_RATE = 0.02, 4e-3
WORKERS = 2
SAVE_EVERY = 50


def make_config(vocab):
    ids = json.loads((PACK / "generation_config.json").read_text())
    return LlamaConfig(
        vocab_size=vocab, hidden_size=256, intermediate_size=704, num_hidden_layers=6,
        num_attention_heads=8, num_key_value_heads=4, head_dim=32, tie_word_embeddings=True,
        max_position_embeddings=2048, rms_norm_eps=1e-5, bos_token_id=ids["bos_token_id"],
        eos_token_id=ids["eos_token_id"][0], pad_token_id=ids["pad_token_id"],
    )


def checkpoint(rank):
    return WORK / f"base.{rank}.pt"


def matrices(model):
    return [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]


def make_optimizers(model, rank):
    """Muon for this worker's share of the projections, AdamW for the embedding and the norms."""
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices(model)[rank::WORKERS], lr=MUON_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def share_gradients(model):
    """Every worker gets the mean gradient, and it is clipped."""
    gradients = [p.grad for p in model.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= WORKERS
    flat *= min(1.0, 1.0 / (flat.norm().item() + 1e-6))
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(part.view_as(gradient))


def share_matrices(model):
    """Each projection comes from the worker that has stepped it."""
    waits = [
        dist.broadcast(p.data, src=index % WORKERS, async_op=True)
        for index, p in enumerate(matrices(model))
    ]
    for wait in waits:
        wait.wait()


def rate_factor(step, steps):
    if step < WARMUP:
        return (step + 1) / WARMUP
    return min(1.0, (steps - step) / (steps * DECAY))


def batch_at(step, rank, ids, weights):
    share = TOKENS_PER_STEP // WORKERS
    start = step * TOKENS_PER_STEP + rank * share
    stop = start + share
    row = LONG_ROW if step % LONG_EVERY == LONG_EVERY - 1 else ROW

    def rows(array, shift, kind):
        part = array[start + shift:stop + shift].astype(kind)
        return torch.from_numpy(part.reshape(-1, row))

    return rows(ids, 0, np.int64), rows(ids, 1, np.int64), rows(weights, 1, np.float32)


def save(model, folder):
    """Writes the weights in bf16, Hugging Face layout; the output head is tied, so it is not stored."""
    state = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    del state["lm_head.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    save_config(model.config, folder)


def save_config(config, folder):
    config.architectures, config.dtype = ["LlamaForCausalLM"], torch.bfloat16
    config.save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text())
    written["rope_theta"] = written["rope_parameters"]["rope_theta"]  # where older readers look
    write_json("config.json", written, folder)


def load(model, optimizers, rank):
    """(first step, seconds spent so far)"""
    if not checkpoint(rank).exists():
        return 0, 0.0
    saved = torch.load(checkpoint(rank), weights_only=True)
    model.load_state_dict(saved["model"])
    for optimizer, state in zip(optimizers, saved["optimizers"]):
        optimizer.load_state_dict(state)
    return saved["step"], saved["seconds"]


def train(rank, steps):
    os.setsid()  # Linux shares a busy machine between sessions first: one each, not one for both
    dist.init_process_group("gloo", rank=rank, world_size=WORKERS)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    ids, weights = (np.load(WORK / f"{name}.npy", mmap_mode="r") for name in ("ids", "weights"))
    vocab = json.loads((PACK / "tokenizer.json").read_text())["model"]["vocab"]
    model = LlamaForCausalLM(make_config(len(vocab))).train()
    optimizers = make_optimizers(model, rank)
    start, seconds = load(model, optimizers, rank)
    began = time.time() - seconds
    shown = None
    for step in range(start, steps):
        for optimizer, rate in zip(optimizers, (MUON_RATE, ADAM_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_factor(step, steps)
        inputs, targets, weight = batch_at(step, rank, ids, weights)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=inputs, use_cache=False).logits
        losses = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
        loss = (losses * weight.flatten()).sum() / weight.sum()
        loss.backward()
        share_gradients(model)
        for optimizer in optimizers:
            optimizer.step()
        share_matrices(model)
        model.zero_grad()
        answers = losses.detach()[weight.flatten() == 1].mean().item()
        shown = answers if shown is None else 0.95 * shown + 0.05 * answers
        if rank == 0 and step % 20 == 19:
            print(f"{step + 1} loss {loss.item():.3f} answers {shown:.3f} {time.time() - began:.0f}s", flush=True)
        if step % SAVE_EVERY == SAVE_EVERY - 1 or step == steps - 1:
            torch.save({
                "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers],
                "step": step + 1, "seconds": time.time() - began,
            }, checkpoint(rank))
    if rank == 0:
        save(model, PACK)
        write_json("base.json", {"steps": steps, "tokens": steps * TOKENS_PER_STEP,
                                 "seconds": round(time.time() - began), "loss": round(shown, 4)}, WORK)
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3750)
    options = parser.parse_args()
    tokens = len(np.load(WORK / "ids.npy", mmap_mode="r"))
    if options.steps * TOKENS_PER_STEP >= tokens:
        raise ValueError(f"Cannot train {options.steps} steps: the corpus has {tokens} tokens")
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29517"}
    mp.spawn(train, (options.steps,), nprocs=WORKERS)


if __name__ == "__main__":
    main()
