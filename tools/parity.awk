# parity.awk: the evidence tables. Reads the specs (their acceptance lists), then the results of the columns.
function column_of(path) { sub(/.*\//, "", path); sub(/\.tsv$/, "", path); return path }
function cell(id, column,    n, bad) {
    n = passed[id, column] + 0; bad = broken[id, column] + 0
    if (bad > 0) return "FAILED " bad " of " n + bad
    if (n > 0) return "ok " n
    return skipped[id, column] > 0 ? "skip" : "-"
}
function short(place) {
    sub(/:[0-9]+$/, "", place); sub(/.*\//, "", place); sub(/\.(scn|c|mjs)$/, "", place)
    return place
}
FNR == 1 { is_spec = FILENAME ~ /\.md$/; column = column_of(FILENAME) }
is_spec && match($0, /^(- )?[A-Z][A-Z]-[0-9]+\.? /) {
    id = $0
    sub(/^- /, "", id)
    sub(/\.? .*/, "", id)
    split(id, part, "-")
    if (!(part[1] in last)) prefixes[++prefix_count] = part[1]
    if (part[2] + 0 > last[part[1]]) last[part[1]] = part[2] + 0
    known[id] = 1
    next
}
is_spec { next }
{
    split($0, field, "\t")
    n = split(field[4], ids, " ")
    place = short(field[2])
    for (i = 1; i <= n; i++) {
        id = ids[i]
        if (id !~ /^[A-Z][A-Z]-[0-9]+$/) continue
        split(id, part, "-")
        if (!(part[1] in last)) prefixes[++prefix_count] = part[1]
        if (part[2] + 0 > last[part[1]]) last[part[1]] = part[2] + 0
        if (field[1] == "PASS") passed[id, column]++
        else if (field[1] == "FAIL") broken[id, column]++
        else skipped[id, column]++
        if (index(" " where[id] ",", " " place ",") == 0) where[id] = where[id] (where[id] == "" ? "" : ", ") place
    }
}
# "3, 5-9, 12" of the ids without tests
function add_missing(k) {
    if (k == run_end + 1) { run_end = k; return }
    end_run()
    run_start = run_end = k
}
function end_run() {
    if (run_start > 0)
        missing = missing (missing == "" ? "" : ", ") (run_start == run_end ? run_start : run_start "-" run_end)
    run_start = 0; run_end = -1
}
END {
    for (p = 1; p <= prefix_count; p++) {
        prefix = prefixes[p]; shown = total = 0; missing = ""; end_run()
        missing = ""
        for (k = 1; k <= last[prefix]; k++) if ((prefix "-" k) in known) total++
        for (k = 1; k <= last[prefix]; k++) {
            id = prefix "-" k
            if (!(id in where)) { if (id in known) add_missing(k); continue }
            if (!shown++) {
                printf "\n### %s\n\n| item | tests | Go | midge, 1 loop | midge, 4 loops | unit |\n", prefix
                print "| --- | --- | --- | --- | --- | --- |"
            }
            printf "| %s | %s | %s | %s | %s | %s |\n", id, where[id], cell(id, "go"), cell(id, "midge1"), cell(id, "midge4"), cell(id, "unit")
        }
        end_run()
        if (shown && total) {
            printf "\n%d of %d items have tests.", shown, total
            print missing == "" ? "" : " None yet: " missing "."
        }
    }
}
