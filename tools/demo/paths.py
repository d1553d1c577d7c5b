"""Where the pipeline reads and writes."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "models" / "demo"
ADAPTERS = PACK / "adapters"
EVAL = PACK / "eval"
WORK = ROOT / "tools" / "demo" / "work"
TRAIN = WORK / "train"
MORE = WORK / "more"
CORPUS = WORK / "corpus.jsonl"


def write_json(name, value, folder=PACK):
    with open(folder / name, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
    (folder / name).chmod(0o644)
