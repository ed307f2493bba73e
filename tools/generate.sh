#!/bin/sh
# generate.sh ragel|re2c SOURCE OUTPUT: one generated C file, put in place by a rename. GEN_NO_LINES: without #line.
set -eu
tool=$1 src=$2 out=$3
tmp=$out.tmp.$$
trap 'rm -f "$tmp"' EXIT
rel=${src#"$PWD"/}
case $tool in
ragel) ragel -C -G2 ${GEN_NO_LINES:+-L} -I grammar -o "$tmp" "$rel" ;;
re2c) re2c -c -W -Werror --no-generation-date ${GEN_NO_LINES:+-i} -o "$tmp" "$rel" ;;
esac
# #line directives name the temporary file; name the real one.
sed -i "s#$(basename "$tmp")#$(basename "$out")#" "$tmp"
mv "$tmp" "$out"
