"""Scores the base, every adapter and the joint adapter on the held-out examples; writes results.json."""

import json

import torch
import torch.multiprocessing as mp
from peft import PeftModel
from transformers import AutoModelForCausalLM

from examples import load_tokenizer, read
from oracle import RULES, routed_scores
from paths import ADAPTERS, PACK, WORK, write_json
from routed import Routed
from scores import answers, score, sentence_score
from specs import COMPOSITES, task_names
from train_routed import RUNS

WORKERS = 2
BRIEF = {"role": "system", "content": "Give only the answer."}


def load_base():
    return AutoModelForCausalLM.from_pretrained(PACK, dtype=torch.float32).eval()


def load_adapter(name):
    return PeftModel.from_pretrained(load_base(), ADAPTERS / name).eval()


def ask(model, tokenizer, examples, system=()):
    return answers(model, tokenizer, [[*system, *example["messages"]] for example in examples])


def evaluate_task(name):
    tokenizer, base = load_tokenizer(), load_base()
    examples = read("test", name)
    row = {
        "task": name,
        "kind": "choice" if "choices" in examples[0] else "qa",
        "base": score(ask(base, tokenizer, examples), examples),
        "base_brief": score(ask(base, tokenizer, examples, [BRIEF]), examples),
        "own": score(ask(load_adapter(name), tokenizer, examples), examples),
        "joint": score(ask(load_adapter("joint"), tokenizer, examples), examples),
    }
    print(name, *(row[key]["exact"] for key in ("base", "base_brief", "own", "joint")), flush=True)
    return row


def evaluate_composite(name):
    tokenizer = load_tokenizer()
    examples = read("test", name)
    row = {"file": name}
    for key, model in (("base", load_base()), ("joint", load_adapter("joint"))):
        replies = ask(model, tokenizer, examples)
        row[key] = score(replies, examples) | {"sentences": sentence_score(replies, examples)}
    routed = Routed()
    for rule in RULES:
        row[rule] = routed_scores(routed, tokenizer, examples, rule)
    print(row, flush=True)
    return row


def mean(rows, system, measure):
    return round(sum(row[system][measure] for row in rows) / len(rows), 1)


def summary(rows):
    systems = ("base", "base_brief", "own", "joint")
    choice = [row for row in rows if row["kind"] == "choice"]
    qa = [row for row in rows if row["kind"] == "qa"]
    return {
        "choice_exact": {system: mean(choice, system, "exact") for system in systems},
        "qa_exact": {system: mean(qa, system, "exact") for system in systems},
        "qa_rouge_l": {system: mean(qa, system, "rouge_l") for system in systems},
        "ended": {system: mean(rows, system, "ended") for system in systems},
    }


def training():
    lines = (WORK / "adapters.jsonl").read_text().splitlines()
    adapters = {record["name"]: record for record in map(json.loads, lines)}
    return {
        "base": json.loads((WORK / "base.json").read_text()),
        "adapter_seconds": sum(record["seconds"] for record in adapters.values()),
        "routed": {run: json.loads((WORK / f"routed_{run}.json").read_text()) for run in RUNS},
    }


def main():
    with mp.get_context("spawn").Pool(WORKERS, torch.set_num_threads, (1,)) as pool:
        composites = pool.map_async(evaluate_composite, COMPOSITES, chunksize=1)
        tasks = pool.map(evaluate_task, task_names(), chunksize=1)
        results = {
            "summary": summary(tasks),
            "composites": composites.get(),
            "tasks": tasks,
            "training": training(),
        }
    write_json("results.json", results)
    print(results["summary"])


if __name__ == "__main__":
    main()
