#!/usr/bin/env bash
# Builds models/demo from nothing: data, tokenizer, base, adapters, figures, model card.
# A stage whose output exists is skipped; `rm -r tools/demo/work models/demo/adapters` starts over.
#
#     python -m venv .venv && .venv/bin/pip install -r tools/demo/requirements.txt
#     PYTHON=.venv/bin/python bash tools/demo/build.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
work=tools/demo/work
pack=models/demo
documents=320000
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=true
mkdir -p "$work" "$pack"

generate() {
  deno run --allow-read --allow-write tools/tasks/generate.ts "$@"
}

generate eval "$pack/eval"
[ -d "$work/train" ] || generate train "$work/train"
[ -d "$work/more" ] || generate more "$work/more"
[ -f "$work/corpus.jsonl" ] || generate corpus "$work/corpus.jsonl" "$documents"
[ -f "$pack/tokenizer.json" ] || "$python" tools/demo/tokenizer.py
[ -f "$work/weights.npy" ] || "$python" tools/demo/pack_corpus.py
[ -f "$work/base.json" ] || "$python" tools/demo/pretrain.py
"$python" tools/demo/train_lora.py
for run in first second; do
  [ -f "$work/routed_$run.json" ] || "$python" tools/demo/train_routed.py "$run"
done
"$python" tools/demo/evaluate.py
"$python" tools/demo/card.py
deno fmt --quiet --no-config --line-width 100 "$pack/README.md"
