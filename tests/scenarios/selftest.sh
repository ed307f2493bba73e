#!/usr/bin/env bash
# selftest.sh RUNNER SERVER CERTS: the runner must fail every scenario of must_fail.bad.
set -uo pipefail
runner=$1 server=$2 certs=$3
if [ ! -x "$server" ]; then
    echo "SKIP selftest: $server does not exist"
    exit 77
fi
bad=$(dirname "$0")/must_fail.bad
total=$(grep -c '^scenario ' "$bad")
# The waits of a scenario that must fail are all waited out, so they are short and many run at once.
SCENARIO_STEP_MS=1000 "$runner" --server "$server" --certs "$certs" --jobs 16 "$bad" >"/tmp/selftest.$$" 2>&1
failed=$(grep -c '^FAIL ' "/tmp/selftest.$$")
grep -E '^PASS |took too long|player crashed' "/tmp/selftest.$$"
crashed=$(grep -cE 'took too long|player crashed' "/tmp/selftest.$$")
rm -f "/tmp/selftest.$$"
good=$((failed - crashed))
echo "$good passed, $((total - good)) failed"
[ "$good" = "$total" ]
