#!/usr/bin/env bash
# soak.sh [SECONDS [SEED]]: three raft-nodes under load (1200 seconds) with kills, pauses, partitions and blackouts
# drawn from SEED (1): nothing acknowledged may be lost, and all must hold the same at the end.
#
# Prints a line each 30 seconds, what was counted, and "1 passed, 0 failed" or "0 passed, 1 failed"; exit code 0 when
# it passed. RAFT_PROCESS_HURRY (10): how fast the nodes' clocks run; 2 on a busy machine. RAFT_PROCESS_KEEP=1 keeps
# the nodes' folders and logs.
set -euo pipefail
cd "$(dirname "$0")/../.."
export RAFT_PROCESS_SECONDS=${1:-1200} RAFT_PROCESS_SEED=${2:-1} RAFT_NODE=$PWD/build/release/raft-node
[ -f build/release/build.ninja ] || ./build.sh build release
ninja -C build/release raft-node test_raft_process >&2
exec build/release/tests/test_raft_process nothing_acknowledged_is_lost
