"""Scores adapters on examples that nothing was trained on and that are not in the test set.

    python tools/demo/validate.py [folder of adapters] [composites a file] [examples a task]
"""

import sys
from pathlib import Path

import torch
import torch.multiprocessing as mp
from peft import PeftModel
from transformers import AutoModelForCausalLM

from examples import load_tokenizer, read
from oracle import routed_scores
from paths import ADAPTERS, PACK
from routed import Routed
from scores import answers, score
from specs import COMPOSITES, task_names

WORKERS = 2


def sentences(job):
    folder, file, rule, count = job
    examples = read("validation", file)[:count]
    return routed_scores(Routed(folder=folder), load_tokenizer(), examples, rule)["sentences"]


def exact(job):
    folder, task, count = job
    examples = read("validation", task)[:count]
    base = AutoModelForCausalLM.from_pretrained(PACK, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, folder / task).eval()
    replies = answers(model, load_tokenizer(), [example["messages"] for example in examples])
    return "choice" if "choices" in examples[0] else "qa", score(replies, examples)["exact"]


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ADAPTERS
    composites, singles = map(int, sys.argv[2:4] or (150, 60))
    jobs = [
        (folder, file, rule, composites)
        for file in COMPOSITES for rule in ("carry", "redraw", "redraw_recompute")
    ]
    with mp.get_context("spawn").Pool(WORKERS, torch.set_num_threads, (1,)) as pool:
        for job, value in zip(jobs, pool.imap(sentences, jobs)):
            print(job[1], job[2], value, flush=True)
        scores = pool.map(exact, [(folder, task, singles) for task in task_names()], chunksize=1)
    for kind in ("choice", "qa"):
        values = [value for of, value in scores if of == kind]
        print(kind, round(sum(values) / len(values), 1))


if __name__ == "__main__":
    main()
