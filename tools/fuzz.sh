#!/usr/bin/env bash
# Runs one fuzzer (its name without fuzz_), or each in turn, for so many seconds: ./build.sh fuzz [NAME] [SECONDS]
# New inputs are kept in build/fuzz/corpus; a crash leaves its input in build/fuzz and the exit code non-zero.
# `./build.sh fuzz keep [NAME]` adds to fuzz/corpus what of these inputs (up to 300 bytes) takes new branches.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=""
[ "${1:-}" != keep ] || { keep=1 && shift; }
name=${1:-}
seconds=${2:-60}
case $name in '' | *[!0-9]*) ;; *) seconds=$name && name="" ;; esac
[ -f build/fuzz/build.ninja ] ||
    cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMIDGE_SANITIZE=address -DMIDGE_FUZZ=ON \
        -DCMAKE_C_COMPILER=clang-14 >&2
# A harness frees what it makes, so a short quarantine and short stacks are enough, and fresh pages cost much.
# A unit may wait long on a busy machine: it gets a minute. Long inputs say little that short ones do not.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=8:malloc_context_size=4:max_malloc_fill_size=0}
run_options=(-timeout=60 -rss_limit_mb=2048 -max_len=4096 -print_funcs=0 -print_final_stats=1)
failed=0 ran=0
for src in fuzz/fuzz_${name:-*}.c; do
    [ -f "$src" ] || { echo "no such fuzzer: $name" >&2 && exit 1; }
    target=$(basename "$src" .c) short=$(basename "$src" .c)
    short=${short#fuzz_}
    ninja -C build/fuzz "$target" >&2
    mkdir -p "build/fuzz/corpus/$short" "fuzz/corpus/$short"
    ran=$((ran + 1))
    if [ -n "$keep" ]; then
        rm -rf build/fuzz/small && mkdir build/fuzz/small
        find "build/fuzz/corpus/$short" -type f -size -301c -exec cp -t build/fuzz/small {} +
        "build/fuzz/fuzz/$target" -merge=1 -use_counters=0 "fuzz/corpus/$short" build/fuzz/small || failed=$((failed + 1))
        continue
    fi
    dict=()
    [ ! -f "fuzz/dict/$short.dict" ] || dict=("-dict=fuzz/dict/$short.dict")
    echo "==> $target for $seconds s" >&2
    "build/fuzz/fuzz/$target" -max_total_time="$seconds" "${run_options[@]}" "${dict[@]}" \
        -artifact_prefix="build/fuzz/$short-" "build/fuzz/corpus/$short" "fuzz/corpus/$short" || failed=$((failed + 1))
done
echo "$((ran - failed)) passed, $failed failed"
[ "$failed" = 0 ]
