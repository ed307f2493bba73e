# check.sh: what the shell tests of this folder share; to be sourced. Counts checks, ends what was started.
set -uo pipefail
passed=0 failed=0 pids=()

# check WHAT COMMAND...: one check.
check() {
    local what=$1
    shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$what"
    fi
}

same() { # same FILE FILE
    diff -u "$1" "$2"
}

skip() { # nothing to test with
    printf 'SKIP %s\n0 passed, 0 failed, 1 skipped\n' "$1"
    exit 77
}

# stops and waits for everything in pids
stop_all() {
    [ ${#pids[@]} -eq 0 ] || { kill "${pids[@]}" && wait "${pids[@]}"; } 2>/dev/null
    pids=()
}
trap stop_all EXIT

finish() {
    stop_all
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

# wait_for PATTERN FILE: until a line of the file matches; prints the line. Gives up after a minute.
wait_for() {
    local i
    for ((i = 0; i < 600; i++)); do
        grep -m1 -E "$1" "$2" 2>/dev/null && return 0
        sleep 0.1
    done
    printf 'no line like "%s" in %s:\n' "$1" "$2" >&2
    cat "$2" >&2
    return 1
}

# start_server PROGRAM LOG [FLAGS...]: a NATS server on a free port of the loopback; sets port.
start_server() {
    local program=$1 log=$2
    shift 2
    "$program" -a 127.0.0.1 -p -1 "$@" >"$log" 2>&1 &
    pids+=($!)
    wait_for 'Server is ready' "$log" >/dev/null || return 1
    port=$(sed -n 's/.*Listening for client connections on 127.0.0.1:\([0-9]*\).*/\1/p' "$log")
}

# open_client FD PORT: a raw connection; say FD LINES; heard FD PATTERN waits for a line, which is then in REPLY;
# $lines keeps all that came.
open_client() { eval "exec $1<>/dev/tcp/127.0.0.1/$2"; }
say() { printf '%b' "$2" >&"$1"; }
heard() {
    while IFS= read -r -t 60 <&"$1"; do
        REPLY=${REPLY%$'\r'}
        lines+=$REPLY$'\n'
        [[ $REPLY =~ $2 ]] && return 0
    done
    return 1
}
