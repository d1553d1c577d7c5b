#!/bin/sh
# What only a GPU shows, in one go: the kernels' tests on its driver, then the bench.
# The bench's part `tune` comes first, so that the others' engines run tuned; name it where you name parts.
# Usage: bench/on_gpu.sh [results folder [bench's parts and flags]]
# Wants `deno` on the PATH and node_modules in place.
set -u
results="${1:-.weft/bench/on_gpu}"
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- --rounds 3 --budget 10
mkdir -p "$results"
export XDG_RUNTIME_DIR=/tmp DENO_WEBGPU_BACKEND=vulkan,metal,dx12 NO_COLOR=1
for tests in tests/engine/*; do
  case "$tests" in *_test.ts) ;; *.ts) continue ;; esac
  name="$(basename "$tests")"
  timeout 300 deno test -A --no-check "$tests" >"$results/$name.log" 2>&1
  echo "$name: exit $? $(grep -E '^(ok|FAILED) \|' "$results/$name.log")"
done
deno run -A --no-check bench/main.ts --results "$results/results.jsonl" "$@" 2>&1 | tee "$results/bench.log"
