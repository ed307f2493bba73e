#!/usr/bin/env bash
# bench.sh [NAME...]: midge and the Go server under the same loads, in turn, several rounds; or a micro-benchmark.
#
# NAME is a load of nats-load (all of them without a name), or bench_NAME of build/release/bench.
# Environment: ROUNDS (3), SECONDS_EACH (2), LOOPS (midge's default), MIDGE and NATS_SERVER (the two programs).
# Writes build/bench/raw.tsv, table.md and ratios.svg. The median of the rounds counts.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-2}
midge=${MIDGE:-build/release/midge} go=${NATS_SERVER:-build/peer/nats-server}
out=build/bench load=build/release/bench/nats-load

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

./build.sh gen # configures the release build
if [ $# -ge 1 ] && [ -f "tests/bench/bench_$1.c" ]; then
    ninja -C build/release "bench_$1" >&2
    program=build/release/bench/bench_$1
    shift
    exec "$program" "$@"
fi
targets=(nats-load)
[ -n "${MIDGE:-}" ] || targets+=(midge)
ninja -C build/release "${targets[@]}" >&2
[ -x "$go" ] || { [ -x tests/prepare.sh ] && tests/prepare.sh; } || true
[ -x "$go" ] || die "no Go server at $go (set NATS_SERVER)"
[ -x "$midge" ] || die "no midge at $midge"
tests/certs.sh build/certs
mkdir -p "$out"

names=("$@")
[ $# -gt 0 ] || mapfile -t names < <("$load" --list)
: >"$out/raw.tsv"
for ((round = 1; round <= rounds; round++)); do
    for name in "${names[@]}"; do
        printf 'bench: round %d of %d, %s\n' "$round" "$rounds" "$name" >&2
        # The one that goes first changes from round to round.
        order="midge go"
        [ $((round % 2)) = 1 ] || order="go midge"
        for server in $order; do
            program=$midge
            [ "$server" = midge ] || program=$go
            "$load" --server "$program" --loops "${LOOPS:-0}" --seconds "$seconds" --certs build/certs "$name" |
                while read -r l metric value; do
                    printf '%s\t%d\t%s\t%s\t%s\n' "$server" "$round" "$l" "$metric" "$value"
                done >>"$out/raw.tsv"
        done
    done
done

# median.tsv: load, metric, midge, go; in the order of the first round.
awk -F'\t' '
    { key = $3 "\t" $4; n[key, $1]++; v[key, $1, n[key, $1]] = $5 + 0; if (!(key in seen)) { seen[key] = 1; order[++keys] = key } }
    function median(key, server,    i, j, t, c) {
        c = n[key, server]
        for (i = 1; i <= c; i++) a[i] = v[key, server, i]
        for (i = 2; i <= c; i++) for (j = i; j > 1 && a[j - 1] > a[j]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
        return c % 2 ? a[(c + 1) / 2] : (a[c / 2] + a[c / 2 + 1]) / 2
    }
    END { for (i = 1; i <= keys; i++) printf "%s\t%.6g\t%.6g\n", order[i], median(order[i], "midge"), median(order[i], "go") }
' "$out/raw.tsv" >"$out/median.tsv"

# A target is what the ratio (x) or the number of midge (=) must reach.
awk -F'\t' -v rounds="$rounds" -v seconds="$seconds" '
    function target(load, metric) {
        if (metric == "rate" && load ~ /^(publish|fanout)/) return ">= 3x"
        if (metric == "rate" && load ~ /^(pairs|queue|wildcards)/) return ">= 2x"
        if (metric == "cpu_s_per_million" && load ~ /^(publish|fanout|pairs|queue|wildcards)/) return "<= 0.3x"
        if (metric == "p50_us" && load == "request-1") return "<= 0.7x"
        if (metric == "p99_us" && load == "request-1") return "<= 1x"
        if (metric == "rss_kib_per_connection") return "<= 5="
        if (metric == "rss_at_start_mib") return "<= 8="
        if (metric == "rss_mib" && load ~ /^subscriptions/) return "<= 200="
        return ""
    }
    function verdict(t, ratio, own,    number, subject) {
        if (t == "") return ""
        number = t; gsub(/[<>=x ]/, "", number)
        subject = t ~ /x$/ ? ratio : own
        return (t ~ /^>/ ? subject >= number + 0 : subject <= number + 0) ? "met" : "short"
    }
    BEGIN {
        printf "Median of %d rounds of %s s each.\n\n", rounds, seconds
        print "| load | metric | midge | Go | midge / Go | target | |"
        print "| --- | --- | ---: | ---: | ---: | --- | --- |"
    }
    { ratio = $4 > 0 ? $3 / $4 : 0; t = target($1, $2); shown = t; sub(/=$/, "", shown)
      printf "| %s | %s | %.4g | %.4g | %.2f | %s | %s |\n", $1, $2, $3, $4, ratio, shown, verdict(t, ratio, $3) }
' "$out/median.tsv" | tee "$out/table.md"

# Throughput ratios as bars on a logarithmic scale from 1/4 to 32.
awk -F'\t' '
    function x(r) { r = r < 0.25 ? 0.25 : r > 32 ? 32 : r; return 190 + (log(r) / log(2) + 2) * 80 }
    $2 == "rate" && $4 > 0 { name[++n] = $1; ratio[n] = $3 / $4 }
    END {
        height = 70 + n * 26
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", height
        print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
        print "<text x=\"190\" y=\"22\" font-weight=\"bold\">Throughput of midge, Go = 1</text>"
        for (p = -2; p <= 5; p++) {
            printf "<line x1=\"%g\" y1=\"32\" x2=\"%g\" y2=\"%d\" stroke=\"%s\"/>", x(2 ^ p), x(2 ^ p), height - 28, (p == 0 ? "#444" : "#ddd")
            printf "<text x=\"%g\" y=\"%d\" text-anchor=\"middle\" fill=\"#666\">%s</text>\n", x(2 ^ p), height - 10, (p < 0 ? "1/" 2 ^ -p : 2 ^ p)
        }
        for (i = 1; i <= n; i++) {
            y = 38 + (i - 1) * 26; a = x(1); b = x(ratio[i]); if (b < a) { t = a; a = b; b = t }
            printf "<text x=\"180\" y=\"%d\" text-anchor=\"end\">%s</text>", y + 14, name[i]
            printf "<rect x=\"%g\" y=\"%d\" width=\"%g\" height=\"18\" fill=\"%s\"/>", a, y, b - a + 1, (ratio[i] >= 1 ? "#3a7d44" : "#b5483a")
            printf "<text x=\"%g\" y=\"%d\">%.2f</text>\n", b + 6, y + 14, ratio[i]
        }
        print "</svg>"
    }' "$out/median.tsv" >"$out/ratios.svg"
printf 'bench: wrote %s\n' "$out/raw.tsv $out/table.md $out/ratios.svg" >&2
