#!/usr/bin/env bash
# What the tests compare and talk with, beyond the packages of cmake/packages.txt:
#
#   build/peer/nats-server   the Go server 2.15, from the newest suite of the Debian archive that this machine is
#                            configured for; downloaded and unpacked, never installed. The package file is kept:
#                            when the suite moves on, a kept one of the right version still serves.
#   build/npm/node_modules   the JavaScript clients
#
# Run by `./build.sh test`; does nothing when all is there. A part that cannot be had is reported and leaves a
# non-zero exit code; the other part is still prepared.
set -uo pipefail
cd "$(dirname "$0")/.."

top=$PWD
suite=sid
version=2.15
peer=build/peer
npm_dir=build/npm
npm_packages=(@nats-io/transport-node@3 @nats-io/nats-core@3 mqtt@5)

say() { printf 'prepare: %s\n' "$*" >&2; }

# The machine's Debian sources with the suite replaced, in the same two formats. Only entries of the archive that
# carries this release's main suite are taken (not security, not other vendors).
codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-}"); }

swap_one_line() {
    awk -v from="$1" -v to="$suite" '
        $1 == "deb" {
            at = 2
            if ($2 ~ /^\[/) { while ($at !~ /\]$/ && at < NF) at++; at++ }
            if ($(at + 1) == from) { $(at + 1) = to; print }
        }' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null
}

swap_deb822() {
    local f
    for f in /etc/apt/sources.list.d/*.sources; do
        [ -f "$f" ] || continue
        # paragraphs are separated by empty lines; a paragraph is kept when its Suites name this release itself
        awk -v from="$1" -v to="$suite" '
            function flush() {
                if (keep && !off) printf "%s\n", text
                text = ""; keep = 0; off = 0
            }
            /^[[:space:]]*$/ { flush(); next }
            /^#/ { next }
            tolower($1) == "suites:" {
                for (i = 2; i <= NF; i++) if ($i == from) keep = 1
                text = text "Suites: " to "\n"; next
            }
            tolower($1) == "enabled:" && tolower($2) == "no" { off = 1 }
            tolower($1) == "types:" { text = text "Types: deb\n"; next }
            { text = text $0 "\n" }
            END { flush() }' "$f"
    done
}

write_sources() {
    local release parts=$peer/sources.list.d
    release=$(codename)
    [ -n "$release" ] || { say "/etc/os-release names no release"; return 1; }
    rm -rf "$parts"
    mkdir -p "$parts"
    swap_one_line "$release" >"$parts/peer.list"
    swap_deb822 "$release" >"$parts/peer.sources"
    [ -s "$parts/peer.list" ] || rm "$parts/peer.list"
    [ -s "$parts/peer.sources" ] || rm "$parts/peer.sources"
    [ -n "$(ls "$parts")" ] || { say "no apt source of this machine carries the suite '$release'"; return 1; }
}

private_apt() {
    local dir=$top/$peer
    apt-get -q -o "Dir::Etc::sourcelist=$dir/none.list" -o "Dir::Etc::sourceparts=$dir/sources.list.d" \
        -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" "$@"
}

download_peer() {
    command -v apt-get >/dev/null || { say "no apt-get here"; return 1; }
    write_sources || return 1
    mkdir -p "$peer/lists/partial" "$peer/cache/archives/partial"
    : >"$peer/none.list"
    private_apt update >&2 || { say "cannot read the package list of '$suite'"; return 1; }
    (cd "$peer" && private_apt download nats-server >&2) || { say "cannot download nats-server"; return 1; }
}

kept_package() {
    local f
    for f in "$peer"/nats-server_"$version".*.deb; do
        [ -f "$f" ] && echo "$f" && return 0
    done
    return 1
}

peer_works() {
    local answer
    [ -x "$peer/nats-server" ] || return 1
    answer=$("$peer/nats-server" --version 2>/dev/null) || return 1
    case $answer in "nats-server: v$version."*) return 0 ;; esac
    say "the peer says '$answer', wanted v$version"
    return 1
}

prepare_peer() {
    peer_works && return 0
    mkdir -p "$peer"
    kept_package >/dev/null || { say "downloading the Go server from '$suite'"; download_peer || return 1; }
    local package
    package=$(kept_package) || {
        say "'$suite' no longer carries nats-server $version: $(cd "$peer" && ls ./*.deb 2>/dev/null)"
        say "put a nats-server_$version.*.deb into $peer"
        return 1
    }
    rm -rf "$peer/root" "$peer/nats-server"
    dpkg-deb -x "$package" "$peer/root" || return 1
    ln -s root/usr/sbin/nats-server "$peer/nats-server"
    peer_works
}

npm_works() {
    local p
    for p in "${npm_packages[@]}"; do
        [ -f "$npm_dir/node_modules/${p%@*}/package.json" ] || return 1
    done
}

prepare_npm() {
    npm_works && return 0
    command -v npm >/dev/null || { say "no npm here"; return 1; }
    say "installing ${npm_packages[*]}"
    mkdir -p "$npm_dir"
    npm install --silent --no-audit --no-fund --prefix "$npm_dir" "${npm_packages[@]}" >&2 || {
        say "npm could not install the JavaScript clients"
        return 1
    }
    npm_works
}

rc=0
prepare_peer || { say "without the Go server: parity tests will be skipped"; rc=1; }
prepare_npm || { say "without the JavaScript clients: their tests will be skipped"; rc=1; }
exit $rc
