#!/usr/bin/env bash
# dist.sh: dist/midge-VERSION.tar.gz of the last commit, with gen/*.c in it: builds without Ragel and re2c.
#
# The same commit gives the same bytes: names are sorted, owners are nobody's, times are the commit's.
# DIST_DIR says where it goes (default dist).
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${DIST_DIR:-dist}

die() {
    printf 'dist: %s\n' "$*" >&2
    exit 1
}
git rev-parse -q --verify HEAD >/dev/null || die "not a git tree"
command -v ragel >/dev/null && command -v re2c >/dev/null || die "needs ragel and re2c"
[ -z "$(git status --porcelain)" ] || printf 'dist: what is not committed is left out\n' >&2

version=$(sed -n 's/^project(midge VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
name=midge-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive --prefix="$name/" HEAD | tar -x -C "$work"

export GEN_NO_LINES=1 # the generated text must not depend on where it was made
(
    cd "$work/$name"
    for source in grammar/*.rl grammar/*.re tests/scenarios/*.re; do
        base=$(basename "${source%.*}")
        case $source in
        *_common.rl) ;;
        *.rl) tools/generate.sh ragel "$source" "gen/$base.c" ;;
        grammar/*.re) tools/generate.sh re2c "$source" "gen/$base.c" ;;
        *)
            mkdir -p tests/scenarios/gen
            tools/generate.sh re2c "$source" "tests/scenarios/gen/$base.c"
            ;;
        esac
    done
)

mkdir -p "$dir"
tar -C "$work" --format=ustar --sort=name --mtime="@$(git log -1 --format=%ct)" --owner=0 --group=0 --numeric-owner \
    --mode='u+rwX,go+rX,go-w' -cf - "$name" | gzip -9n >"$dir/$name.tar.gz"
printf '%s\n' "$dir/$name.tar.gz"
