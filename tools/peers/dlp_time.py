"""What DLP-LoRA's fusion costs in PyTorch and PEFT: answers of the base, of one LoRA and of DLP with three, in turns.

fusion.py says what of it is the paper's and what ours. All three draw the same number of greedy tokens with a KV cache
in the same loop, going on behind the end token. DLP classifies the prompt, and each later sentence when it begins.
On a CPU one thread computes, and its CPU time is measured, which other work on the machine hardly moves; on CUDA it
is wall time. The published code times single forward passes over prompt and answer together instead, and generates
without a cache.

Run: python tools/peers/dlp_time.py [--samples 10] [--tokens 48] [--device cuda] [--json FILE]
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from fusion import Fusion, MiniMlp

PACK = Path(__file__).resolve().parents[2] / "models" / "demo"
RANK = 8
ADAPTERS = 3
SENTENCE_ENDS = (".", "!", "?")


def adapter_names():
    """Those of one rank, so that it doesn't matter which are chosen."""
    configs = sorted((PACK / "adapters").glob("*/adapter_config.json"))
    return [path.parent.name for path in configs if json.loads(path.read_text())["r"] == RANK]


def load_base(device):
    return AutoModelForCausalLM.from_pretrained(PACK, dtype=torch.float32).to(device).eval()


def load_peft(device, names):
    model = PeftModel.from_pretrained(load_base(device), PACK / "adapters" / names[0], adapter_name=names[0])
    for name in names[1:]:
        model.load_adapter(PACK / "adapters" / name, adapter_name=name)
    return model.eval()


class Method:
    """Greedy answers of one model; `before(ids)` is called with the text so far where a sentence begins."""

    def __init__(self, model, tokenizer, device, before=None):
        self.model, self.tokenizer, self.device, self.before = model, tokenizer, device, before

    @torch.inference_mode()
    def seconds(self, prompt, tokens):
        """What an answer takes, by `now`."""
        start = now(self.device)
        text = torch.tensor(prompt, device=self.device)
        feed, cache = text, DynamicCache()
        if self.before:
            self.before(text)
        for _ in range(tokens):
            logits = self.model(input_ids=feed[None], past_key_values=cache, logits_to_keep=1).logits
            feed = logits[0, -1].argmax(keepdim=True)
            text = torch.cat([text, feed])
            if self.before and self.tokenizer.decode(feed).rstrip().endswith(SENTENCE_ENDS):
                self.before(text)
        return now(self.device) - start


def now(device):
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


@torch.inference_mode()
def check_fusion(fused, fusion, plain, prompt, device):
    """The fused logits are those of PEFT's own concatenation of the same adapters."""
    names, weights = zip(*fusion.chosen)
    plain.add_weighted_adapter(list(names), list(weights), "check", combination_type="cat")
    plain.set_adapter("check")
    ids = torch.tensor([prompt], device=device)
    worst = (fused(input_ids=ids).logits - plain(input_ids=ids).logits).abs().max().item()
    if worst > 1e-3:
        sys.exit(f"The fusion is off by {worst} from PEFT's concatenation of {names}")
    plain.set_adapter(names[0])
    return worst


def prompts(tokenizer, samples):
    lines = (PACK / "eval" / "composite3.jsonl").read_text().splitlines()[:samples]
    messages = [json.loads(line)["messages"] for line in lines]
    texts = [tokenizer.apply_chat_template(m, tokenize=False, add_generation_prompt=True) for m in messages]
    return [tokenizer.encode(text, add_special_tokens=False) for text in texts]


def measure(options):
    torch.manual_seed(1)
    if options.device == "cpu":
        torch.set_num_threads(1)
    device, names = options.device, adapter_names()
    tokenizer = AutoTokenizer.from_pretrained(PACK)
    single, fused = load_peft(device, names), load_peft(device, names)
    fusion = Fusion(fused, names)
    mlp = MiniMlp(len(tokenizer), len(names)).to(device).eval()
    calls = []

    def classify(ids):
        calls.append(len(ids))
        fusion.choose(mlp(ids), ADAPTERS)

    methods = {
        "base": Method(load_base(device), tokenizer, device),
        "single": Method(single, tokenizer, device),
        "dlp": Method(fused, tokenizer, device, classify),
    }
    texts = prompts(tokenizer, options.samples)
    for method in methods.values():
        method.seconds(texts[0], 4)
    off_by = check_fusion(fused, fusion, single, texts[0], device)
    calls.clear()
    seconds = {name: [] for name in methods}
    order = list(methods)
    for i, text in enumerate(texts):
        for name in order[i % 3:] + order[:i % 3]:
            seconds[name].append(methods[name].seconds(text, options.tokens))
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu, one thread",
        "torch": torch.__version__,
        "samples": len(texts),
        "tokens": options.tokens,
        "adapters": ADAPTERS,
        "rank": RANK,
        "classifier_parameters": sum(p.numel() for p in mlp.parameters()),
        "classifications_per_answer": len(calls) / len(texts),
        "fusion_off_by": off_by,
        "seconds": seconds,
        "ratios": {
            f"{over}/{under}": [a / b for a, b in zip(seconds[over], seconds[under])]
            for over, under in (("dlp", "single"), ("dlp", "base"), ("single", "base"))
        },
    }


def print_table(result):
    print(f"{result['device']}, torch {result['torch']}: {result['samples']} answers of {result['tokens']} tokens; "
          f"DLP: {result['adapters']} adapters of rank {result['rank']}, "
          f"{result['classifications_per_answer']:.1f} classifications an answer\n")
    print("| what | median | least | most |\n|---|---|---|---|")
    for name, values in result["seconds"].items():
        print(f"| {name}, s | {statistics.median(values):.3f} | {min(values):.3f} | {max(values):.3f} |")
    for name, values in result["ratios"].items():
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    options = parser.parse_args()
    result = measure(options)
    print_table(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


main()
