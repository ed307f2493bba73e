#!/usr/bin/env bash
# test_capture.sh BUILD: midge-capture between real clients and servers: what passes is unchanged, what is recorded
# decodes to the session, what is printed meanwhile is the same. Then what needs a terminal: colours, progress bar.
cd "$(dirname "$0")/../.."
. tests/tools/check.sh
build=$(realpath "$1") work=$(mktemp -d "$1/capture-test.XXXXXX")
trap 'stop_all; rm -rf "$work"' EXIT
decode() { "$build/midge-decode" "$@"; }

# start_capture NAME PORT [FLAGS...]: in front of that port; sets port to its own. Prints to NAME.live.
start_capture() {
    local name=$1 to=$2
    shift 2
    "$build/midge-capture" "$@" -f json -t "127.0.0.1:$to" "$work/$name.cap" >"$work/$name.live" 2>"$work/$name.err" &
    pids+=($!)
    port=$(wait_for 'listening on port' "$work/$name.err" | sed 's/.* //')
}

end_capture() { # ends the one that was started last
    local pid=${pids[-1]}
    unset 'pids[-1]'
    kill "$pid" 2>/dev/null
    wait "$pid"
}

live_is_recorded() { decode -f json "$work/$1.cap" | same - "$work/$1.live"; }
events() { sed 's/^{"event":"\([^"]*\)".*"from":"\([^"]*\)".*/\2 \1/' "$work/$1.live"; }

# ---- a raw client whose every byte is known, through two proxies in a row ----

session() { # NAME SERVER_PORT
    local name=$1 bytes=$work/bytes
    start_capture "$name-far" "$2" -n 1
    start_capture "$name-near" "$port" -n 1
    head -c 300000 /dev/urandom >"$bytes"
    open_client 5 "$port"
    lines=
    say 5 'CONNECT {"verbose":false,"headers":true}\r\nSUB echo 1\r\nPING\r\n'
    check "$name: session" heard 5 '^PONG'
    { printf 'PUB echo 300000\r\n' && cat "$bytes" && printf '\r\n'; } >&5
    check "$name: the message comes back" heard 5 '^MSG echo 1 300000$'
    head -c 300000 <&5 >"$bytes.back"
    check "$name: byte for byte" cmp "$bytes" "$bytes.back"
    head -c 2 <&5 >/dev/null
    say 5 'HPUB echo 17 19\r\nNATS/1.0\r\nA:b\r\n\r\nhi\r\n'
    check "$name: headers" heard 5 '^HMSG echo 1 17 19$'
    exec 5>&-
    wait "${pids[-1]}" "${pids[-2]}"
    check "$name: the proxies end after one connection" test $? = 0
    unset 'pids[-1]' 'pids[-1]'
    # What the near one has recorded is what was said; what the far one has, what came through.
    local side
    for side in near far; do
        check "$name: printed live is what was recorded ($side)" live_is_recorded "$name-$side"
        sed 's/,"time":[0-9]*//' "$work/$name-$side.live" | grep '"from":"dialer"' >"$work/$side.up"
        sed 's/,"time":[0-9]*//' "$work/$name-$side.live" | grep '"from":"acceptor"' >"$work/$side.down"
    done
    check "$name: all that the client said came through" cmp "$work/near.up" "$work/far.up"
    check "$name: all that the server said came through" cmp "$work/near.down" "$work/far.down"
    events "$name-near" | grep dialer | tr '\n' ' ' >"$work/said"
    check "$name: the client's events" grep -q '^dialer CONNECT dialer SUB dialer PING dialer PUB dialer HPUB $' "$work/said"
    events "$name-near" | grep acceptor | grep -v PING | tr '\n' ' ' >"$work/said"
    check "$name: the server's events" grep -q '^acceptor INFO acceptor PONG acceptor MSG acceptor HMSG $' "$work/said"
}

start_server "$build/midge" "$work/midge.log" || finish
midge=$port
session midge "$midge"

# ---- a server that is not there; the signal that ends it ----

start_capture nobody 1
open_client 5 "$port"
check 'nobody listens: the connection is closed' test -z "$(timeout 30 cat <&5)"
exec 5>&-
end_capture
check 'ends on SIGTERM' test $? = 0
check 'and the capture is complete' decode "$work/nobody.cap"
check 'needs to know where to' test "$("$build/midge-capture" 2>&1 | head -1 | cut -c1-6)" = usage:
refuses() { ! "$build/midge-capture" -t nowhere "$work/x.cap" 2>/dev/null; }
check 'an address without a port' refuses

# ---- a client that talks nonsense ----

start_capture nonsense "$midge" -p nats
open_client 5 "$port"
say 5 'NONSENSE\r\n'
wait_for 'offset 0: unknown protocol operation' "$work/nonsense.err" >/dev/null
check 'what is malformed is told under its own name' \
    grep -q '^midge-capture: connection 1, from dialer, offset 0: unknown' "$work/nonsense.err"
exec 5>&-
end_capture

# ---- real clients ----

# The JavaScript client; through the Go server where there is one.
javascript() { # NAME SERVER_PORT
    start_capture "$1" "$2"
    NODE_PATH=${NODE_PATH:-build/npm/node_modules} node - "$port" <<'JS' || return 1
const { connect } = require('@nats-io/transport-node');
(async () => {
  const nc = await connect({ servers: '127.0.0.1:' + process.argv[2], name: 'captured' });
  nc.subscribe('greet.*', { queue: 'q', callback: (err, msg) => msg.respond('hello') });
  const answer = await nc.request('greet.world', 'who', { timeout: 20000 });
  if (answer.string() !== 'hello') process.exit(1);
  await nc.drain();
})();
JS
    wait_for '"event":"UNSUB"' "$work/$1.live" >/dev/null
    end_capture
}
has() { grep -q "$2" "$work/$1.live"; }
talked() { # NAME SERVER_PORT: what the JavaScript client must have said
    check "$1: the client works" javascript "$1" "$2"
    check "$1: printed live is what was recorded" live_is_recorded "$1"
    check "$1: CONNECT" has "$1" '"event":"CONNECT".*"name":"captured"'
    check "$1: SUB" has "$1" '"event":"SUB","offset":[0-9]*,"subject":"greet.*","queue":"q"'
    check "$1: request" has "$1" '"event":"PUB".*"subject":"greet.world","reply":"_INBOX.*"payload":"who"'
    check "$1: delivery" has "$1" '"event":"MSG".*"subject":"greet.world".*"payload":"who".*"from":"acceptor"'
    check "$1: answer" has "$1" '"event":"MSG".*"subject":"_INBOX.*"payload":"hello"'
}
if [ -d "${NODE_PATH:-build/npm/node_modules}/@nats-io/transport-node" ]; then
    talked javascript-midge "$midge"
fi

if [ -n "${NATS_SERVER:-}" ]; then
    printf 'jetstream { store_dir: "%s/js" }\nserver_name: go\nmqtt { listen: "127.0.0.1:-1" }\n' "$work" >"$work/go.conf"
    start_server "$NATS_SERVER" "$work/go.log" -c "$work/go.conf" || finish
    go=$port
    session go "$go"
    [ -d "${NODE_PATH:-build/npm/node_modules}/@nats-io/transport-node" ] && talked javascript-go "$go"
    mqtt=$(sed -n 's/.*Listening for MQTT clients on mqtt:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$work/go.log")
    start_capture mqtt "$mqtt"
    mosquitto_sub -V mqttv311 -h 127.0.0.1 -p "$port" -i sub -q 1 -t 'a/#' -C 1 >"$work/mqtt.out" &
    pids+=($!)
    check 'mqtt: the subscription is seen live' wait_for '"event":"SUBACK"' "$work/mqtt.live" >/dev/null
    mosquitto_pub -V mqttv311 -h 127.0.0.1 -p "$port" -i pub -q 1 -t a/b -m captured
    wait "${pids[-1]}"
    unset 'pids[-1]'
    check 'mqtt: the message comes' test "$(cat "$work/mqtt.out")" = captured
    wait_for '"event":"DISCONNECT".*"connection":1' "$work/mqtt.live" >/dev/null
    end_capture
    check 'mqtt: printed live is what was recorded' live_is_recorded mqtt
    check 'mqtt: publisher' has mqtt '"event":"PUBLISH".*"topic":"a/b","qos":1.*"payload":"captured","connection":2,"from":"dialer"'
    check 'mqtt: subscriber' has mqtt '"event":"PUBLISH".*"topic":"a/b","qos":1.*"payload":"captured","connection":1,"from":"acceptor"'
fi

# ---- on a terminal ----

on_terminal() { script -qec "$1" /dev/null </dev/null; }
printf 'PING\r\n' >"$work/ping"
on_terminal "env -u NO_COLOR $build/midge-decode $work/ping" >"$work/screen"
check 'text is coloured on a terminal' grep -q $'\033\[1mPING\033\[0m offset=0' "$work/screen"
on_terminal "env NO_COLOR=1 $build/midge-decode $work/ping" >"$work/screen"
check 'but not when NO_COLOR says so' grep -q '^PING offset=0' "$work/screen"
check 'nor in a pipe' test "$(decode "$work/ping")" = 'PING offset=0'
yes $'PUB some.subject 5\r\nhello\r' | head -c 5000000 >"$work/big"
on_terminal "$build/midge-decode $work/big >$work/out" >"$work/screen" || true
check 'a large input has a bar' grep -q '\[#* *\] *[0-9]*% *[0-9.]* MB/s' "$work/screen"
check 'which ends full' grep -q $'\r\[########################################\] 100% *[0-9.]* MB/s\r*$' "$work/screen"
{ cat tests/golden/wire/client.cap && head -c 2000000 /dev/zero; } >"$work/broken"
on_terminal "$build/midge-decode $work/broken >$work/out" >"$work/screen" || true
check 'or is wiped away when the input is broken' grep -q $'\r\033\[K.*broken: offset ' "$work/screen"
on_terminal "$build/midge-decode --no-progress $work/big >$work/out" >"$work/screen" || true
no_bar() { ! grep -q 'MB/s' "$work/screen"; }
check 'no bar when it is not wanted' no_bar
on_terminal "$build/midge-decode $work/ping >$work/out" >"$work/screen"
check 'nor for a small input' no_bar
finish
