#!/usr/bin/env bash
# test_dist.sh BUILD [all]: the source tarball: the same twice, and it builds where neither Ragel nor re2c is. The library
# and one example are built and run; with `all` the server and its tools, too.
cd "$(dirname "$0")/../.."
. tests/tools/check.sh
git rev-parse -q --verify HEAD >/dev/null 2>&1 || skip 'this tree is no git tree (it may be a tarball itself)'
work=$(mktemp -d "$1/dist-test.XXXXXX")
work=$(realpath "$work")
trap 'stop_all; rm -rf "$work"' EXIT

pack() { DIST_DIR=$work/$1 tools/dist.sh 2>/dev/null | xargs -r basename; }
tarball=$(pack first)
check 'there is one' test -s "$work/first/$tarball"
check 'of this version' test "$tarball" = "midge-$(sed -n 's/^project(midge VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt).tar.gz"
check 'made again it has the same name' test "$(pack second)" = "$tarball"
check 'and the same bytes' cmp "$work/first/$tarball" "$work/second/$tarball"

tar -xzf "$work/first/$tarball" -C "$work"
tree=$work/${tarball%.tar.gz}
check 'generated code is in it' test -s "$tree/gen/client.c" -a -s "$tree/gen/json.c" -a -s "$tree/tests/scenarios/gen/script.c"
names_no_line() { ! grep -rlE '^#line' "$tree/gen" "$tree/tests/scenarios/gen"; }
check 'it names no place where it was made' names_no_line
check 'build products are not' test ! -e "$tree/build"

# Ragel and re2c are hidden from CMake; whoever calls them all the same is refused.
mkdir "$work/bin"
for tool in ragel re2c; do
    printf '#!/bin/sh\necho "%s was called" >&2\nexit 1\n' $tool >"$work/bin/$tool"
    chmod +x "$work/bin/$tool"
done
export PATH=$work/bin:$PATH
configure() { cmake -S "$tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DRAGEL= -DRE2C= "$@" >"$work/log" 2>&1; }
make_it() { ninja -C "$work/build" "$@" >"$work/log" 2>&1 || { tail -30 "$work/log" && return 1; }; }
check 'configured without Ragel and re2c' configure -DCMAKE_C_FLAGS_RELEASE=-O0 -DMIDGE_TESTS=OFF
check 'the library is built' make_it midge-codec-shared
example() {
    cc -std=c17 -D_DEFAULT_SOURCE -I "$tree/runtime/include" -o "$work/mqtt_print" "$tree/examples/mqtt_print.c" \
        -L "$work/build/lib" -lmidge-codec -Wl,-rpath,"$work/build/lib" &&
        grep -q '^20 PUBLISH topic=a/2 qos=2' <<<"$("$work/mqtt_print" <"$tree/tests/golden/wire/mqtt-publisher.bin")"
}
check 'and an example runs with it' example
if [ "${2:-}" = all ]; then
    check 'the server and its tools are built' make_it
    check 'it is the server' test "$("$work/build/midge" --version | cut -c1-12)" = nats-server:
    check 'configured with the tests' configure -DMIDGE_TESTS=ON
    check 'the scenario runner is built' make_it scenario
fi
rm "$tree/gen/client.c"
check 'a tree without them says what is missing' test "$(configure -DMIDGE_TESTS=OFF || grep -c 'install Ragel and re2c' "$work/log")" = 1
finish
