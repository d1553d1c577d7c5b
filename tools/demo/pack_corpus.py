"""Turns the corpus into two flat arrays: token ids and their loss weights."""

import json

import numpy as np
from tokenizers import Tokenizer

from paths import CORPUS, PACK, WORK

BATCH = 20_000


def batches():
    batch = []
    with open(CORPUS, encoding="utf-8") as lines:
        for line in lines:
            batch.extend(json.loads(line))
            if len(batch) >= BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def main():
    tokenizer = Tokenizer.from_file(str(PACK / "tokenizer.json"))
    ids, weights = [], []
    for batch in batches():
        encoded = tokenizer.encode_batch_fast([text for text, _ in batch], add_special_tokens=False)
        for (_, weight), piece in zip(batch, encoded):
            ids.append(np.array(piece.ids, dtype=np.uint16))
            weights.append(np.full(len(piece.ids), weight, dtype=np.float16))
    for name, pieces in (("ids", ids), ("weights", weights)):
        np.save(WORK / f"{name}.new.npy", np.concatenate(pieces))
        (WORK / f"{name}.new.npy").replace(WORK / f"{name}.npy")
    print(f"corpus: {sum(map(len, ids))} tokens")


if __name__ == "__main__":
    main()
