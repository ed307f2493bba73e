#!/usr/bin/env bash
# test_library.sh BUILD: libmidge-codec as other programs use it. Installs into a clean folder of BUILD, compares what is
# exported with what the headers declare, compiles the examples against what was installed, and runs them.
cd "$(dirname "$0")/../.."
. tests/tools/check.sh
build=$(realpath "$1") work=$build/library-test prefix=$build/library-test/usr
rm -rf "$work"
mkdir -p "$work/c" "$work/cmake"

# ---- install ----

check 'install' tools/install.sh BUILD="$build" PREFIX=/usr DESTDIR="$work" >"$work/install.log"
for file in bin/midge bin/midge-decode bin/midge-capture bin/midge-store lib/libmidge-codec.a lib/libmidge-codec.so \
    lib/pkgconfig/midge-codec.pc lib/cmake/midge-codec/midge-codec-config.cmake share/doc/midge/codecs.md \
    share/doc/midge/examples/publish.c share/man/man1/midge-decode.1 share/man/man1/midge-store.1; do
    check "installed: $file" test -e "$prefix/$file"
done
check 'the name nats-server is left to the Go server' test ! -e "$prefix/bin/nats-server"
nothing_outside() { [ -z "$(grep -v "^$prefix/" "$work/install.log")" ]; }
check 'nothing lies outside of DESTDIR and PREFIX' nothing_outside

finds_its_tools() { [ "$(printf 'PING\r\n' | "$prefix/bin/midge" decode)" = 'PING offset=0' ]; }
check 'midge finds its tools where it lies' finds_its_tools

# ---- symbols ----

library=$prefix/lib/libmidge-codec.so
headers=("$prefix"/include/midge/*.h)
printf '#include <midge/%s>\n' "${headers[@]##*/}" >"$work/all.c"
# The compiler's own list of the functions that the headers declare (static ones aside), and the tables.
gcc -std=c17 -I "$prefix/include" -aux-info "$work/all.x" -fsyntax-only "$work/all.c"
{
    sed -n '/include\/midge\//{/ static /d;s/.*[ *]\([a-z0-9_]*\) (.*/\1/p}' "$work/all.x"
    sed -n 's/^CODEC_API extern const .*[ *]\([a-z0-9_]*\);/\1/p' "${headers[@]}"
} | sort >"$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
nm -g --defined-only "$prefix/lib/libmidge-codec.a" | awk 'NF == 3 { print $3 }' | sort >"$work/static"
check 'the headers declare something' test "$(wc -l <"$work/declared")" -gt 100
check 'shared library: exported is what is declared' same "$work/declared" "$work/exported"
check 'static library: visible is what is declared' same "$work/declared" "$work/static"

needed() { readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux'; }
check 'it needs the C library alone' test "$(needed)" = libc.so.6
# (Not into `grep -q`: it leaves at the first match, and who still writes into the pipe then fails.)
soname() { grep -q 'SONAME.*\[libmidge-codec\.so\.[0-9.]*\]' <<<"$(readelf -d "$library")"; }
check 'it has a versioned SONAME' soname
check 'and the file of that name is there' test -e "$prefix/lib/$(readelf -d "$library" |
    sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')"

alone() { # each header by itself, in C and in C++
    local h
    for h in "${headers[@]}"; do
        gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -I "$prefix/include" -fsyntax-only -x c "$h" || return 1
        g++ -std=c++17 -Wall -Wextra -Werror -I "$prefix/include" -fsyntax-only -x c++ "$h" || return 1
    done
}
check 'every header stands alone, in C and in C++' alone 2>&1

# ---- the examples: pkg-config and make, CMake ----

cp -r "$prefix/share/doc/midge/examples/." "$work/c"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
with_make() { make -C "$work/c" CFLAGS='-O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror' >"$work/make.log"; }
with_cmake() {
    cmake -S "$work/c" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake.log" &&
        ninja -C "$work/cmake" publish >>"$work/cmake.log"
}
check 'examples: pkg-config' with_make
check 'examples: the CMake package' with_cmake
with_static() { # the static library needs no more flags
    gcc -std=c17 -D_DEFAULT_SOURCE -I "$prefix/include" -o "$work/publish-static" "$work/c/publish.c" \
        "$prefix/lib/libmidge-codec.a" && ! grep -q libmidge <<<"$(ldd "$work/publish-static")"
}
check 'examples: the static library' with_static
export LD_LIBRARY_PATH=$prefix/lib
is_shared() { grep -q "libmidge-codec.so.* => $prefix" <<<"$(ldd "$work/c/publish")"; }
check 'examples use the installed library' is_shared

# ---- the MQTT printer ----

golden=tests/golden/wire
{
    "$work/c/mqtt_print" <$golden/mqtt-subscriber.bin
    "$work/c/mqtt_print" server 4 <$golden/mqtt-server.bin
    "$work/c/mqtt_print" <$golden/mqtt-publisher.bin
} >"$work/mqtt.txt"
check 'mqtt_print: the golden bytes' same tests/tools/mqtt_print.txt "$work/mqtt.txt"
# they are what the capture has
events() { "$prefix/bin/midge-decode" -f json "$@"; }
events $golden/mqtt.cap | grep '"connection":1,"from":"dialer"' | sed 's/,"connection".*/}/' >"$work/one.json"
events --from dialer $golden/mqtt-subscriber.bin | same "$work/one.json" - >"$work/one.diff"
check 'mqtt_print: the bytes are those of the capture' test ! -s "$work/one.diff"
truncated() { head -c 40 $golden/mqtt-subscriber.bin | "$work/c/mqtt_print" >/dev/null 2>"$work/err"; [ $? = 2 ]; }
check 'mqtt_print: input that ends inside a packet' truncated
malformed() { printf '\020\001' | cat - $golden/mqtt-publisher.bin | "$work/c/mqtt_print" >/dev/null 2>"$work/err"; [ $? = 2 ]; }
check 'mqtt_print: malformed input' malformed
check 'mqtt_print: says where' grep -q '^offset 3: the packet ends inside a field' "$work/err"

# ---- publish and rewrite, with midge ----

start_server "$prefix/bin/midge" "$work/midge.log" || finish
open_client 5 "$port"
say 5 'CONNECT {"verbose":false,"headers":true}\r\nSUB > 1\r\nPING\r\n'
lines=
check 'subscriber' heard 5 '^PONG'
for program in c/publish cmake/publish publish-static; do
    check "publish ($program)" "$work/$program" 127.0.0.1 "$port" greet.world "hello from $program"
    check 'the subscriber has it' heard 5 "^hello from $program\$"
done
check 'as it was sent' grep -q '^MSG greet.world 1 20$' <<<"$lines"
refused() { ! "$work/c/publish" 127.0.0.1 "$port" 'two words' x 2>/dev/null; }
check 'publish: what is no subject is refused' refused

"$work/c/rewrite" 0 127.0.0.1 "$port" team. company.team. >"$work/rewrite.log" &
pids+=($!)
middle=$(wait_for 'listening' "$work/rewrite.log" | sed 's/.* //')
open_client 6 "$middle"
say 6 'CONNECT {"verbose":false,"headers":true}\r\nSUB team.news 7\r\nSUB other 8\r\nPING\r\n'
check 'rewrite: session' heard 6 '^PONG'
lines=
say 5 'PUB company.team.news 3\r\nraw\r\n'
check 'rewrite: a message comes' heard 6 '^raw$'
check 'rewrite: under the client'\''s name' grep -q '^MSG team.news 7 3$' <<<"$lines"
lines=
say 6 'HPUB team.note 12 14\r\nNATS/1.0\r\n\r\nhi\r\nPUB other 2\r\nno\r\n'
check 'rewrite: a message goes' heard 5 '^no$'
check 'rewrite: under the server'\''s name' grep -q '^HMSG company.team.note 1 12 14$' <<<"$lines"
check 'rewrite: others as they are' grep -q '^MSG other 1 2$' <<<"$lines"
# a payload that comes in many reads
lines=
{
    printf 'PUB team.big 300000\r\n'
    head -c 300000 /dev/zero | tr '\0' x
    printf '\r\n'
} >&6
check 'rewrite: a large message' heard 5 '^xxx'
check 'rewrite: whole' test "${#REPLY}" = 300000
check 'rewrite: with its head' grep -q '^MSG company.team.big 1 300000$' <<<"$lines"
finish
