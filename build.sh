#!/usr/bin/env bash
# The one front door. `./build.sh help` lists what it does.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'EOF'
usage: ./build.sh COMMAND [arguments]

  deps                    install the Debian packages of cmake/packages.txt that are missing (needs root or sudo)
  gen                     generate gen/*.c from grammar/
  build [TYPE]            build TYPE (release, debug, asan, tsan; default release) in build/TYPE
  run [midge flags]       deps, build release, start the server in the foreground
  test [TYPE] [PATTERN]   deps, build, run every test (or those whose name matches PATTERN) and print the counts
  bench [NAME]            side-by-side load against the Go server, or a named micro-benchmark
  fuzz [NAME] [SECONDS]   run one fuzzer, or each in turn; fuzz keep [NAME]: add what they found to the seeds
  coverage [FILE]         branches of the codec toolkit that its unit tests take; with FILE, the lines not all taken
  parity                  play all scenarios on midge and on the Go server and rewrite the table in differences.md
  lint                    clang-format (check only), clang-tidy, cppcheck
  install [DESTDIR=DIR] [PREFIX=DIR]
                          install the server, its tools, the toolkit library, headers and documents (/usr/local)
  dist                    a source tarball that builds without Ragel and re2c
  clean                   remove build/, dist/ and gen/*.c
EOF
}

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}
jobs_count() { nproc 2>/dev/null || echo 2; }

# Names of the packages that cmake/packages.txt lists and this machine lacks.
missing_packages() {
    local p
    for p in $(grep -v '^#' cmake/packages.txt); do
        # nodejs from another source brings npm with it
        [ "$p" = npm ] && command -v npm >/dev/null && continue
        dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || echo "$p"
    done
}

cmd_deps() {
    command -v apt-get >/dev/null || die "no apt-get here: install the packages of cmake/packages.txt by hand"
    local missing as_root=""
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || as_root=sudo
    say "installing: $(echo $missing)"
    $as_root apt-get update -q >&2
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
}

configure() {
    local type=$1 dir=build/$1
    local flags=(-DCMAKE_BUILD_TYPE=RelWithDebInfo)
    case $type in
    release) flags=(-DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS_RELEASE=-O2") ;;
    debug) flags=(-DCMAKE_BUILD_TYPE=Debug) ;;
    asan) flags=(-DCMAKE_BUILD_TYPE=Debug -DMIDGE_SANITIZE=address -DCMAKE_C_COMPILER=clang-14) ;;
    tsan) flags=(-DCMAKE_BUILD_TYPE=Debug -DMIDGE_SANITIZE=thread -DCMAKE_C_COMPILER=clang-14) ;;
    fuzz) flags=(-DCMAKE_BUILD_TYPE=Debug -DMIDGE_SANITIZE=address -DMIDGE_FUZZ=ON -DCMAKE_C_COMPILER=clang-14) ;;
    *) die "unknown build type '$type' (release, debug, asan, tsan, fuzz)" ;;
    esac
    [ -f "$dir/build.ninja" ] || cmake -S . -B "$dir" -G Ninja "${flags[@]}" >&2
    ln -sf "$dir/compile_commands.json" compile_commands.json
}

cmd_build() {
    local type=${1:-release}
    say "building $type"
    configure "$type"
    ninja -C "build/$type" -j "$(jobs_count)" >&2
    [ "$type" != release ] || ln -sf midge build/release/nats-server
}

cmd_gen() {
    configure release
    ninja -C build/release gen
}

cmd_run() {
    cmd_deps
    cmd_build release
    say "starting build/release/midge $*"
    exec build/release/midge "$@"
}

# Where tests and tools find the Go server and the JavaScript clients (tests/prepare.sh).
peers_env() {
    if [ -z "${NATS_SERVER:-}" ] && [ -x build/peer/nats-server ]; then export NATS_SERVER=$PWD/build/peer/nats-server; fi
    if [ -d build/npm/node_modules ]; then export NODE_PATH=$PWD/build/npm/node_modules; fi
}

# Runs CTest and adds up the "N passed, N failed[, N skipped]" lines that the test programs end with.
cmd_test() {
    local type=release pattern=.
    case ${1:-} in release | debug | asan | tsan) type=$1 && shift ;; esac
    [ $# -eq 0 ] || pattern=$1
    cmd_deps
    cmd_build "$type"
    tests/prepare.sh || say "some peers are missing: what needs them is skipped"
    peers_env
    say "testing $type"
    export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
    local rc=0 log=build/$type/Testing/Temporary/LastTest.log
    rm -f "$log"
    (cd "build/$type" && ctest -j "$(jobs_count)" -R "$pattern" --no-tests=error --output-on-failure) || rc=$?
    grep -E '^SKIP' "$log" || true
    awk -v rc="$rc" '
        /^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3; if ($6 ~ /^skipped/) s += $5; n++ }
        END { if (rc != 0 && f == 0) f = 1; line = p + 0 " passed, " f + 0 " failed"; if (s) line = line ", " s " skipped"
              if (n == 0) { print "no test ran"; exit 1 } print line }' "$log"
    return "$rc"
}

cmd_lint() {
    local files
    files=$(git ls-files '*.c' '*.h')
    say "clang-format"
    # shellcheck disable=SC2086
    clang-format-14 --dry-run -Werror $files
    configure debug
    ninja -C build/debug gen >&2
    say "clang-tidy"
    git ls-files 'runtime/*.c' 'server/*.c' | xargs -r -P "$(jobs_count)" -n 4 clang-tidy-14 -p build/debug --quiet
    say "cppcheck"
    cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --suppress=missingIncludeSystem -j "$(jobs_count)" -I . -I runtime/include -I runtime runtime server
}

cmd_clean() {
    rm -rf build dist compile_commands.json
    find gen -name '*.c' -delete
}

cmd=${1:-help}
[ $# -eq 0 ] || shift
case $cmd in
deps | gen | build | run | test | lint | clean) "cmd_$cmd" "$@" ;;
bench | fuzz | coverage | parity | install | dist)
    peers_env
    [ -x "tools/$cmd.sh" ] || die "'$cmd' is not part of this tree"
    exec "tools/$cmd.sh" "$@"
    ;;
help | -h | --help) usage ;;
*)
    usage >&2
    die "unknown command '$cmd'"
    ;;
esac
