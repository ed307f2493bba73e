#!/usr/bin/env bash
# parity.sh [FILTER]: plays all scenarios and real clients on midge (1 and 4 loops) and on the Go server, runs the unit
# tests, and rewrites differences.md: the deliberate differences of docs/differences, then what was shown.
#
# With a FILTER (as scenario --only) it plays only those, prints, and leaves differences.md alone.
# Environment: NATS_SERVER (build/peer/nats-server), MIDGE (build/release/midge), TYPE (release).
# Exit code 0 when nothing failed anywhere.
set -euo pipefail
cd "$(dirname "$0")/.."
type=${TYPE:-release}
go=${NATS_SERVER:-build/peer/nats-server} midge=${MIDGE:-build/$type/midge}
out=build/parity certs=build/certs
mkdir -p "$out"
failed=0

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() {
    printf 'parity: %s\n' "$*" >&2
    exit 1
}

./build.sh build "$type"
[ -x "$go" ] || tests/prepare.sh || true
[ -x "$go" ] || die "no Go server at $go (set NATS_SERVER)"
[ -x "$midge" ] || die "no midge at $midge"
case $(basename "$(realpath "$midge")") in
midge*) ;;
*) die "$midge is not midge: what is shown with it proves nothing" ;;
esac
tests/certs.sh "$certs"
rm -f "$out"/*.tsv

# play COLUMN PROGRAM LOOPS: scenarios, then clients, into COLUMN.tsv (status, place, title, covers).
play() {
    local column=$1 program=$2 loops=$3 filter=()
    [ -z "${FILTER:-}" ] || filter=(--only "$FILTER")
    say "scenarios on $column"
    "build/$type/tests/scenario" --server "$program" --loops "$loops" --certs "$certs" --results "$out/$column.tsv" \
        "${filter[@]}" tests/scenarios >"$out/$column.log" || failed=1
    grep -E '^FAIL' "$out/$column.log" || true
    tail -1 "$out/$column.log"
    [ -z "${FILTER:-}" ] || return 0
    client "$column" "$program" "$loops" tests/clients/test_libnats.c "build/$type/tests/test_libnats"
    client "$column" "$program" "$loops" tests/clients/client.mjs node tests/clients/client.mjs
}

# The ids behind each "covers:" of the files, on as many lines of the comment as it takes.
covers_of() {
    cat "$@" | tr '\n' ' ' | { grep -oE 'covers:([ *,/]|[A-Z]{2}-[0-9]+|\([^()]*\))+' || true; } |
        { grep -oE '[A-Z]{2}-[0-9]+' || true; } | sort -u | tr '\n' ' '
}

client() {
    local column=$1 program=$2 loops=$3 source=$4 status=PASS
    shift 4
    say "$(basename "$source") on $column"
    SERVER_UNDER_TEST=$program LOOPS=$loops CERTS=$certs "$@" >"$out/client.log" 2>&1 || status=FAIL
    ! grep -q '^SKIP' "$out/client.log" || status=SKIP
    [ $status != FAIL ] || { failed=1 && cat "$out/client.log"; }
    tail -1 "$out/client.log"
    printf '%s\t%s\t\t%s\n' $status "$source" "$(covers_of "$source")" >>"$out/$column.tsv"
}

FILTER=${1:-}
play go "$go" 0
play midge1 "$midge" 1
play midge4 "$midge" 4
[ -z "$FILTER" ] || exit "$failed"

say "unit tests"
for source in tests/unit/test_*.c tests/raft_process/test_*.c; do
    ids=$(covers_of "$source")
    [ -n "$ids" ] || continue
    name=$(basename "$source" .c)
    status=PASS
    log=$out/$name.log
    NATS_SERVER=$(realpath "$go") RAFT_NODE=build/$type/raft-node "build/$type/tests/$name" >"$log" 2>&1 || status=FAIL
    ! grep -q '^SKIP' "$log" || status=SKIP
    [ $status != FAIL ] || { failed=1 && echo "FAIL $name, see $log"; }
    printf '%s\t%s\t\t%s\n' $status "$name" "$ids" >>"$out/unit.tsv"
done

say "writing differences.md"
{
    cat <<'TEXT'
# Differences from the Go server, and the evidence for what does not differ

Written by `./build.sh parity`: do not edit here. The deliberate differences come from `docs/differences/`, the tables
from the scenarios of `tests/scenarios`, the real clients of `tests/clients` and the unit tests, by the ids of the
acceptance lists in `docs/spec/` that each names.

A cell says how many tests of the item passed on that server: `ok 3`; `FAILED 1 of 3` when one did not; `skip` when
none may run there (the scenario says why); `-` when there is none. Unit tests look inside, so they know no Go column.

TEXT
    for file in docs/differences/*.md; do
        [ -f "$file" ] || continue
        sed 's/^# /## /' "$file"
        echo
    done
    echo "## Evidence"
    awk -f tools/parity.awk docs/spec/*.md "$out"/go.tsv "$out"/midge1.tsv "$out"/midge4.tsv "$out"/unit.tsv
} >"$out/differences.md"
mv "$out/differences.md" differences.md
exit "$failed"
