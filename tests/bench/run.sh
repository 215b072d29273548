#!/bin/sh
# Runs the benchmarks and prints their figures as a table; called by `sh tests/run.sh bench`. Every limit is a check.
set -u
here=$TACHO_TEST_SOURCE/tests/bench
lane_dir=$1
figures=$lane_dir/figures
: >"$figures"
run() { # NAME COMMAND...
    name=$1
    shift
    "$@" >>"$figures" || {
        echo "FAILED $name did not run"
        echo "not ok $name" >>"$lane_dir/checks"
    }
}
run bench_record "$TACHO_TEST_SOURCE/build/c/tests/bench/bench_record"
run bench_read "$TACHO_TEST_SOURCE/build/c/tests/bench/bench_read"
run bench_core "$TACHO_TEST_SOURCE/build/c/tests/bench/bench_core"
run bench_bytes "$TACHO_TEST_SOURCE/build/c/tests/bench/bench_bytes"
clock=$(sed -n 's/^clock_gettime, ns\t\([0-9.]*\).*/\1/p' "$figures")
run bench_track python "$here/bench_track.py"
run bench_peers python "$here/bench_peers.py"
run bench_prices python "$here/bench_prices.py" "$TACHO_TEST_SOURCE/build/c/tests/bench/bench_prices"
run bench_call lua5.4 "$here/bench_call.lua" "$clock"
if [ -n "${TACHO_TEST_DATA-}" ] && command -v npm >/dev/null 2>&1; then
    run bench_import python "$here/bench_import.py"
else
    echo "skip bench_import" >>"$lane_dir/checks"
    echo "    skipped bench_import: needs TACHO_TEST_DATA and npm"
fi
awk -F '\t' -v checks="$lane_dir/checks" '
    BEGIN { printf "%-56s %10s %8s\n", "figure", "measured", "limit" }
    {
        verdict = ""
        if ($3 != "") {
            verdict = $2 + 0 <= $3 + 0 ? "ok" : "not ok"
            print verdict, $1 >> checks
        }
        printf "%-56s %10s %8s  %s\n", $1, $2, $3, verdict
    }' "$figures"
