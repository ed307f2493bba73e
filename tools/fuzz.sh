#!/usr/bin/env bash
# Runs one fuzzer (its name without fuzz_), or each in turn, for so many seconds: ./build.sh fuzz [NAME] [SECONDS]
# New inputs are kept in build/fuzz/corpus; a crash leaves its input in build/fuzz and the exit code non-zero.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-}
seconds=${2:-60}
case $name in '' | *[!0-9]*) ;; *) seconds=$name && name="" ;; esac
[ -f build/fuzz/build.ninja ] ||
    cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMIDGE_SANITIZE=address -DMIDGE_FUZZ=ON \
        -DCMAKE_C_COMPILER=clang-14 >&2
failed=0 ran=0
for src in fuzz/fuzz_${name:-*}.c; do
    [ -f "$src" ] || { echo "no such fuzzer: $name" >&2 && exit 1; }
    target=$(basename "$src" .c) short=$(basename "$src" .c)
    short=${short#fuzz_}
    ninja -C build/fuzz "$target" >&2
    mkdir -p "build/fuzz/corpus/$short" "fuzz/corpus/$short"
    dict=()
    [ ! -f "fuzz/dict/$short.dict" ] || dict=("-dict=fuzz/dict/$short.dict")
    echo "==> $target for $seconds s" >&2
    ran=$((ran + 1))
    "build/fuzz/fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 "${dict[@]}" \
        -artifact_prefix="build/fuzz/$short-" "build/fuzz/corpus/$short" "fuzz/corpus/$short" || failed=$((failed + 1))
done
echo "$((ran - failed)) passed, $failed failed"
[ "$failed" = 0 ]
