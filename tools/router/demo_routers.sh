#!/usr/bin/env bash
# Trains the demo pack's routers for seeds 1, 2 and 3 and measures them on held-out data.
#
#     bash tools/router/demo_routers.sh .weft/routers
#
# Writes DIR/data (made anew), DIR/router-N.onnx, DIR/router-N.report.json and DIR/router-N.SET.json.
# models/demo/router.onnx is seed 1's.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:?give a folder}
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp} DENO_WEBGPU_BACKEND=vulkan,metal,dx12
run() {
  deno run --no-prompt --cached-only --frozen --allow-read --allow-write --allow-env "$@"
}

run tools/tasks/generate.ts router "$folder/data"
for seed in 1 2 3; do
  router=$folder/router-$seed
  run tools/router/main.ts train --data "$folder/data/train" --model models/demo \
    --out "$router.onnx" --seed "$seed" --max-minutes 30
  for set in prompts sentences other_answers; do
    echo "seed $seed, $set:"
    run tools/router/main.ts eval --router "$router.onnx" --data "$folder/data/test/$set.jsonl" \
      --model models/demo --json "$router.$set.json"
  done
done
