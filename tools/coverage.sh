#!/usr/bin/env bash
# How much of the codec toolkit its own unit tests take: lines and branches of each file of runtime/codec, of
# runtime/base/s2* and of each grammar's generated code. `coverage.sh FILE` (runtime/codec/ws.c) prints the branches
# of that file that are never taken one way instead. Fails when the hand-written codecs fall below FLOOR percent of
# branches (95).
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/coverage floor=${FLOOR:-95}

[ -f "$out/build.ninja" ] ||
    cmake -S . -B "$out" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DMIDGE_SANITIZE=coverage -DCMAKE_C_COMPILER=clang-14 >&2
tests=(test_capture test_event_data test_s2)
for src in tests/unit/test_codec_*.c; do tests+=("$(basename "$src" .c)"); done
ninja -C "$out" "${tests[@]}" >&2
rm -rf "$out/profiles"
objects=()
for t in "${tests[@]}"; do
    LLVM_PROFILE_FILE=$out/profiles/$t.profraw "$out/tests/$t" >"$out/$t.log" || { cat "$out/$t.log" && exit 1; }
    objects+=(-object "$out/tests/$t")
done
llvm-profdata-14 merge -o "$out/all.profdata" "$out"/profiles/*.profraw

if [ $# -gt 0 ]; then
    llvm-cov-14 show "${objects[@]:1}" -instr-profile="$out/all.profdata" -show-branches=count |
        awk -v file="/$1:" '
            /^\// { ours = index($0, file) > 0 }
            !ours || /Folded/ { next }
            /^ *[0-9]+\|/ { line = $0 }
            /Branch \(.*(True|False): 0[],]/ { if (line != last) print line; last = line; print }'
    exit 0
fi
# Columns 8 to 10 are lines, 11 to 13 branches.
report() { llvm-cov-14 report "${objects[@]:1}" -instr-profile="$out/all.profdata" | grep -E "^$1"; }
table() {
    awk -v title="$1" -v floor="$2" '
        { lines += $8; missed += $9; branches += $11; untaken += $12
          printf "%-34s %6d %7.2f %% %8d %7.2f %%\n", $1, $8, percent($8, $9), $11, percent($11, $12) }
        function percent(all, not) { return all ? 100 * (all - not) / all : 100 }
        END { printf "%-34s %6d %7.2f %% %8d %7.2f %%\n\n", title, lines, percent(lines, missed), branches,
                  percent(branches, untaken); exit percent(branches, untaken) < floor }'
}
printf '%-34s %6s %9s %8s %9s\n' file lines taken branches taken
report 'runtime/(codec/|base/s2_)' | table 'hand-written' "$floor" || low=1
report gen/ | table 'generated' 0
[ -z "${low:-}" ] || { echo "coverage: below $floor %" && exit 1; }
