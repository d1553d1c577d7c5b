"""Trains the base from scratch. Resumes from its last checkpoint; run again with more steps to go on."""

import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from paths import PACK, WORK, write_json

SEED = 7
TOKENS_PER_STEP = 4096
ROW = 256  # tokens a packed row
LONG_ROW, LONG_EVERY = 1024, 8  # every 8th step has long rows
WARMUP, DECAY = 60, 0.35  # steps; share of the run over which the rate falls to zero
MUON_RATE, ADAM_RATE = 0.02, 4e-3
CHECKPOINT = WORK / "base.pt"
SAVE_EVERY = 100


def make_config(vocab):
    ids = json.loads((PACK / "generation_config.json").read_text())
    return LlamaConfig(
        vocab_size=vocab, hidden_size=256, intermediate_size=704, num_hidden_layers=6,
        num_attention_heads=8, num_key_value_heads=4, head_dim=32, tie_word_embeddings=True,
        max_position_embeddings=2048, rms_norm_eps=1e-5, bos_token_id=ids["bos_token_id"],
        eos_token_id=ids["eos_token_id"][0], pad_token_id=ids["pad_token_id"],
    )


def make_optimizers(model):
    """Muon for the projections, AdamW for the embedding and the norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_factor(step, steps):
    if step < WARMUP:
        return (step + 1) / WARMUP
    return min(1.0, (steps - step) / (steps * DECAY))


def batch_at(step, ids, weights):
    start = step * TOKENS_PER_STEP
    stop = start + TOKENS_PER_STEP
    row = LONG_ROW if step % LONG_EVERY == LONG_EVERY - 1 else ROW

    def rows(array, shift):
        part = array[start + shift:stop + shift]
        return torch.from_numpy(part.reshape(-1, row))

    return (rows(ids, 0).long(), rows(ids, 1).long(), rows(weights, 1).float())


def save(model, folder):
    """Writes the weights in bf16, Hugging Face layout; the output head is tied, so it is not stored."""
    state = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    del state["lm_head.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = model.config.to_dict() | {"architectures": ["LlamaForCausalLM"], "dtype": "bfloat16"}
    config["rope_theta"] = config["rope_parameters"]["rope_theta"]  # where older readers look
    write_json("config.json", config, folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(options.threads)
    ids, weights = np.load(WORK / "ids.npy"), np.load(WORK / "weights.npy")
    vocab = json.loads((PACK / "tokenizer.json").read_text())["model"]["vocab"]
    model = LlamaForCausalLM(make_config(len(vocab))).train()
    optimizers = make_optimizers(model)
    start, seconds = 0, 0.0
    if CHECKPOINT.exists():
        saved = torch.load(CHECKPOINT)
        model.load_state_dict(saved["model"])
        for optimizer, state in zip(optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        start, seconds = saved["step"], saved["seconds"]
    if (options.steps * TOKENS_PER_STEP) >= len(ids):
        raise ValueError(f"Cannot train {options.steps} steps: the corpus has {len(ids)} tokens")

    began = time.time() - seconds
    shown = 0.0
    for step in range(start, options.steps):
        for optimizer, rate in zip(optimizers, (MUON_RATE, ADAM_RATE)):
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_factor(step, options.steps)
        inputs, targets, weight = batch_at(step, ids, weights)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=inputs, use_cache=False).logits
        losses = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
        loss = (losses * weight.flatten()).sum() / weight.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        answers = losses.detach()[weight.flatten() == 1].mean().item()
        shown = answers if step == start else 0.95 * shown + 0.05 * answers
        if step % 20 == 19:
            seconds = time.time() - began
            print(f"{step + 1} loss {loss.item():.3f} answers {shown:.3f} {seconds:.0f}s", flush=True)
        if step % SAVE_EVERY == SAVE_EVERY - 1 or step == options.steps - 1:
            torch.save({
                "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers],
                "step": step + 1, "seconds": time.time() - began,
            }, CHECKPOINT)
    save(model, PACK)


if __name__ == "__main__":
    main()
