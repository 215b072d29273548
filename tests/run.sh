#!/bin/sh
# Runs the tests, lane by lane.
#   sh tests/run.sh               all lanes of the default list
#   sh tests/run.sh c python      only these
#   sh tests/run.sh bench         the figures of the benchmarks, as a table (not in the default list)
#   sh tests/run.sh deep          tens of thousands of killed processes, all prices, fuzzers, clang-tidy: half an hour with
#                                 two processors for itself (not in the default list)
#   sh tests/run.sh prices_full   prices against the two packages of the lock file, all vectors (not in the default list)
# One line per lane; the last line is "all: N passed, N failed, N skipped". Exit 1 if a test failed or a lane broke: a
# lane that produced no count, or ran out of its budget of seconds, counts as one failure.
#
# What a test finds in its environment:
#   TACHO_TEST_DATA    folder of shared sample data, may be unset: then tests that need it skip
#   TACHO_TEST_SOURCE  root of the source tree
#   TACHO_TEST_PREFIX  an installation: bin/tacho, lib, include, share; bin comes first on PATH
#   LUA_PATH, LUA_CPATH, PKG_CONFIG_PATH point into that installation; python is a venv with the package installed
# All other TACHO_* are unset; HOME and the XDG folders are empty temporary ones.
set -u

# lane:seconds, in the order of the default list
lanes='ground:180 c:240 asan:420 tsan:420 link:400 cli:180 python:300 lua:120 faces_asan:420 conformance:180 examples:120 prices:120 fuzz:300 portable:240'
extra='bench:900 deep:5400 prices_full:1200'

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
out=$root/build/lanes
prefix=$root/build/prefix
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

budget_of() {
    for pair in $lanes $extra; do
        [ "${pair%%:*}" != "$1" ] || echo "${pair##*:}"
    done
}

# ---- helpers of the lanes -------------------------------------------------------------------------------------------

# check NAME COMMAND...: one test of its own; exit 77 of the command means skipped. What runs beside something else sets
# `beside` to a word of its own.
beside=
check() {
    name=$1
    shift
    "$@" >"$lane_dir/check$beside.log" 2>&1
    case $? in
    0) echo "ok $name" >>"$lane_dir/checks" ;;
    77)
        echo "skip $name" >>"$lane_dir/checks"
        sed 's/^/    /' "$lane_dir/check$beside.log"
        ;;
    *)
        echo "not ok $name" >>"$lane_dir/checks"
        echo "FAILED $name"
        sed 's/^/    /' "$lane_dir/check$beside.log"
        ;;
    esac
}

# The same, with what it says: figures of a long run.
check_and_tell() {
    check "$@"
    sed 's/^/    /' "$lane_dir/check$beside.log"
}

skip() {
    echo "skip $1" >>"$lane_dir/checks"
    echo "    skipped $1: $2"
}

configure() { # FOLDER OPTION...: quiet, unless it fails
    folder=$1
    shift
    cmake -S . -B "$folder" -G Ninja "$@" >"$lane_dir/configure.log" 2>&1 || {
        cat "$lane_dir/configure.log"
        return 1
    }
}

compile() { # FOLDER TARGET...: quiet, unless it fails
    folder=$1
    shift
    ninja -C "$folder" -j "$jobs" "$@" >"$lane_dir/build.log" 2>&1 || {
        cat "$lane_dir/build.log"
        return 1
    }
}

# The C tests of a build folder, counted one by one through cmocka's XML.
run_c_tests() {
    rm -rf "$1/cmocka"
    mkdir -p "$1/cmocka"
    CMOCKA_MESSAGE_OUTPUT=xml ctest --test-dir "$1" -j "$jobs" --output-on-failure --output-junit "$lane_dir/ctest.xml" \
        >"$lane_dir/ctest.log" 2>&1 || sed -n '/^The following tests FAILED/,$p' "$lane_dir/ctest.log"
    cp "$1"/cmocka/*.xml "$lane_dir" 2>/dev/null
    return 0
}

run_pytest() { # NAME PATH...
    name=$1
    shift
    python -m pytest --junit-xml="$lane_dir/pytest-$name.xml" -o junit_suite_name="$name" "$@" || [ $? = 1 ]
}

run_busted() { # FOLDER
    lua5.4 "$(command -v busted)" --lua=lua5.4 --pattern='test_' -o junit -Xoutput "$lane_dir/busted.xml" "$1"
    [ -s "$lane_dir/busted.xml" ]
}

# Shell tests: exit 0 passed, 77 skipped.
run_shell_tests() { # FOLDER
    for file in "$1"/test_*.sh; do
        [ ! -e "$file" ] || check "$(basename "$file")" sh "$file"
    done
}

tree_has() { # PATTERN...: any file of that name
    for file in "$@"; do
        [ ! -e "$file" ] || return 0
    done
    return 1
}

# ---- lanes ----------------------------------------------------------------------------------------------------------

lane_ground() {
    check format sh -c 'git ls-files "*.c" "*.h" "*.cpp" | xargs clang-format --dry-run -Werror'
    check ruff python -m ruff check --no-cache python tests bindings core/src
    check ruff-format python -m ruff format --no-cache --check python tests bindings core/src
    check mypy python -m mypy --cache-dir="$root/build/mypy"
    check luacheck luacheck --quiet .
    check shell sh -c 'for f in tests/*.sh examples/*.sh .ci/run; do sh -n "$f" || exit 1; done'
    run_pytest ground --noconftest tests/python/test_tree.py tests/python/test_count.py
}

lane_c() {
    build_installation && compile build/c || return 1
    run_c_tests "$root/build/c"
}

# Sanitized code runs and compiles faster at -O1, and keeps its asserts.
configure_sanitized() { # FOLDER OPTION...
    configure "$@" -DTACHO_BUILD_TESTS=ON -DTACHO_BUILD_CLI=OFF -DTACHO_WERROR=ON \
        -DCMAKE_C_FLAGS_RELWITHDEBINFO="-O1 -g"
}

lane_asan() {
    configure_sanitized build/asan -DTACHO_SANITIZE=address || return 1
    compile build/asan c_tests || return 1
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
        run_c_tests "$root/build/asan"
}

# clang: its runtime knows C11 fences, and the tree must be free of its warnings too.
lane_tsan() {
    configure_sanitized build/tsan -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DTACHO_SANITIZE=thread ||
        return 1
    compile build/tsan c_tests || return 1
    TSAN_OPTIONS=halt_on_error=1:die_after_fork=0 run_c_tests "$root/build/tsan"
}

# What runs on systems without the calls of Linux: the same sources, the C tests that do not need those calls.
lane_portable() {
    configure build/portable -DTACHO_BUILD_TESTS=ON -DTACHO_BUILD_CLI=OFF -DTACHO_WERROR=ON -DTACHO_PORTABLE=ON || return 1
    compile build/portable c_tests || return 1
    run_c_tests "$root/build/portable"
}

lane_link() {
    build_installation || return 1
    run_shell_tests tests/link
}

lane_cli() {
    build_installation || return 1
    run_shell_tests tests/cli
    if tree_has tests/cli/test_*.py; then
        run_pytest cli tests/cli
    fi
}

lane_python() {
    build_wheel || return 1
    run_pytest python tests/python --ignore=tests/python/test_tree.py --ignore=tests/python/test_count.py
}

lane_lua() {
    build_installation || return 1
    run_busted tests/lua
}

# The Python and Lua tests once more, over sanitized extensions. Leaks are looked for in the C tests only: interpreters
# never free everything.
lane_faces_asan() {
    configure_sanitized build/faces_asan -DTACHO_SANITIZE=address -DTACHO_BUILD_PYTHON=ON -DTACHO_BUILD_LUA=ON \
        -DPython_EXECUTABLE="$(command -v python)" || return 1
    compile build/faces_asan faces || return 1
    export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
        PYTHONPATH="$root/build/faces_asan/python" LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;$LUA_PATH" \
        LUA_CPATH="$root/build/faces_asan/lua/?.so;;" \
        LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
    run_pytest python tests/python --ignore=tests/python/test_tree.py --ignore=tests/python/test_count.py || return 1
    run_busted tests/lua
}

lane_conformance() {
    build_installation || return 1
    build_wheel || return 1
    run_shell_tests tests/conformance
    run_shell_tests tests/interop
    if tree_has tests/conformance/test_*.py; then
        run_pytest conformance tests/conformance
    fi
}

lane_examples() {
    build_installation || return 1
    build_wheel || return 1
    run_shell_tests tests/examples
}

lane_prices() {
    build_installation || return 1
    run_pytest prices tests/prices
}

lane_prices_full() {
    build_installation || return 1
    build_wheel || return 1
    run_pytest prices_full -s -o faulthandler_timeout=900 tests/prices/parity.py
}

lane_bench() {
    build_installation || return 1
    build_wheel || return 1
    ninja -C build/c bench >/dev/null || return 1
    sh tests/bench/run.sh "$lane_dir"
}

# From the inputs that earlier runs found, and the seeds of the repository. A crash must not exit with 77: skipped.
run_fuzzer() { # NAME OPTION...
    fuzzer=$1
    shift
    mkdir -p "build/corpus/$fuzzer"
    set -- "$@" "build/corpus/$fuzzer"
    [ ! -d "tests/fuzz/seeds/$fuzzer" ] || set -- "$@" "tests/fuzz/seeds/$fuzzer"
    "build/fuzz/tests/fuzz/$fuzzer" -error_exitcode=1 -timeout=5 -rss_limit_mb=1024 -artifact_prefix="$lane_dir/" "$@"
}

build_fuzzers() {
    configure build/fuzz -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DTACHO_BUILD_TESTS=ON \
        -DTACHO_BUILD_FUZZERS=ON -DTACHO_SANITIZE=address -DCMAKE_EXPORT_COMPILE_COMMANDS=ON &&
        compile build/fuzz "$@"
}

# A minute of prices, some seconds of every other format; the whole depth is in the lane deep.
lane_fuzz() {
    build_fuzzers fuzzers || return 1
    for program in build/fuzz/tests/fuzz/fuzz_*; do
        [ -x "$program" ] || continue
        input=$(basename "$program")
        if [ "$input" = fuzz_price_table ]; then
            check "$input short" run_fuzzer "$input" -max_total_time=54 -max_len=4096
            check "$input long" run_fuzzer "$input" -max_total_time=6 -max_len=65536 -len_control=0
        else
            check "$input" run_fuzzer "$input" -max_total_time=8
        fi
    done
}

# Left out: what asks for functions that glibc has not (snprintf_s), a false alarm of version 14 about every va_list,
# style that compilers see to or that tables of X macros cannot have, and an order of members by size: in a table the
# order is for its readers.
tidy_checks='-*,bugprone-*,cert-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-cert-err33-c'
tidy_checks=$tidy_checks,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
tidy_checks=$tidy_checks,-clang-analyzer-valist.Uninitialized,-bugprone-macro-parentheses,-bugprone-sizeof-expression
tidy_checks=$tidy_checks,-bugprone-narrowing-conversions,-clang-analyzer-optin.performance.Padding

# What mostly waits for other processes: killed writers, thousands of workers, servers that lose a worker each second.
deep_processes() {
    beside=-processes
    TACHO_TEST_DEEP=1 run_pytest fork -o faulthandler_timeout=300 tests/python/test_fork.py
    for program in test_kill_random test_fold test_damage test_registry_identity; do
        check_and_tell "$program, deep" env TACHO_TEST_DEEP=1 TACHO_TEST_SOURCE="$root" "build/c/tests/c/$program"
    done
}

# What mostly computes.
deep_inputs() {
    run_pytest prices_full -s -o faulthandler_timeout=900 tests/prices/parity.py
    for program in build/fuzz/tests/fuzz/fuzz_*; do
        [ -x "$program" ] || continue
        input=$(basename "$program")
        if [ "$input" = fuzz_price_table ]; then # a million files of prices, one in ten longer than 4 KiB
            check "$input short" run_fuzzer "$input" -runs=900000 -max_len=4096
            check "$input long" run_fuzzer "$input" -runs=100000 -max_len=65536 -len_control=0
        else
            check "$input" run_fuzzer "$input" -max_total_time=60
        fi
    done
    for file in $(git ls-files 'core/src/*.c' 'core/cli/*.c'); do
        check "clang-tidy $file" clang-tidy --quiet -p build/fuzz --warnings-as-errors='*' \
            --checks="$tidy_checks" "$file"
    done
}

# Half an hour with two processors for itself, one for each half.
lane_deep() {
    build_installation && build_wheel && compile build/c c_tests && build_fuzzers all || return 1
    deep_processes &
    processes=$!
    deep_inputs
    inputs=$?
    wait "$processes" && [ "$inputs" = 0 ]
}

# ---- builds that several lanes share; the second time they cost a fraction of a second ------------------------------

build_installation() {
    configure build/c -DTACHO_BUILD_TESTS=ON -DTACHO_BUILD_LUA=ON -DTACHO_WERROR=ON -DCMAKE_INSTALL_LIBDIR=lib &&
        compile build/c tachograph tachograph_io tacho faces && rm -rf "$prefix" && cmake --install build/c --prefix "$prefix" >"$out/install.log"
}

build_wheel() {
    python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
        --force-reinstall --config-settings=cmake.define.TACHO_WERROR=ON "$root" || return 1
}

# ---- one lane, in a process of its own ------------------------------------------------------------------------------

if [ "${1-}" = --inside ]; then
    lane_dir=$out/$2
    rm -rf "$lane_dir"
    mkdir -p "$lane_dir"
    : >"$lane_dir/checks"
    "lane_$2"
    exit
fi

# ---- the environment that every lane sees ---------------------------------------------------------------------------

fatal() {
    echo "run.sh: $1" >&2
    echo "all: 0 passed, 1 failed, 0 skipped"
    exit 1
}

chosen=
for name in "$@"; do
    [ -n "$(budget_of "$name")" ] || fatal "\"$name\" is no lane; there are:$(for p in $lanes $extra; do printf ' %s' "${p%%:*}"; done)"
    chosen="$chosen $name"
done
if [ -z "$chosen" ]; then
    for pair in $lanes; do
        chosen="$chosen ${pair%%:*}"
    done
fi

packages=test
case " $chosen " in *' bench '*) packages=bench ;; esac
sh tests/install-deps.sh "$packages" || fatal "packages are missing"

for name in $(env | sed -n 's/^\(TACHO_[A-Z0-9_]*\)=.*/\1/p'); do
    [ "$name" = TACHO_TEST_DATA ] || unset "$name"
done
if [ -z "${TACHO_TEST_DATA-}" ] && [ -d "$root/../shared/data" ]; then
    TACHO_TEST_DATA=$(cd "$root/../shared/data" && pwd)
fi
[ -z "${TACHO_TEST_DATA-}" ] || export TACHO_TEST_DATA
mkdir -p "$out" || fatal "cannot write to $root/build"

# A python3 that can make a venv and compile an extension: the first on PATH, else Debian's.
usable_python() {
    "$1" -c 'import ensurepip, os, sys, sysconfig, venv
ok = sys.version_info >= (3, 9) and os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
print(sys.executable)
sys.exit(not ok)' 2>/dev/null
}
python3=$(usable_python python3) || python3=$(usable_python /usr/bin/python3) ||
    fatal "no python3 (3.9 or newer) with venv and headers"

# Before HOME changes, so that the user's configuration of pip holds.
venv=$root/build/venv
want=$({ "$python3" -VV; echo "$python3"; cat tests/requirements.txt; } | cksum)
if [ "$(cat "$venv/made-from" 2>/dev/null)" != "$want" ]; then
    rm -rf "$venv"
    "$python3" -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt ||
        fatal "cannot make the venv of the tests"
    echo "$want" >"$venv/made-from"
fi

temporary=$(mktemp -d "${TMPDIR:-/tmp}/tacho-tests.XXXXXX") || fatal "no temporary folder"
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
for name in home config state data cache runtime; do
    mkdir -m 700 "$temporary/$name"
done
export HOME="$temporary/home" XDG_CONFIG_HOME="$temporary/config" XDG_STATE_HOME="$temporary/state" \
    XDG_DATA_HOME="$temporary/data" XDG_CACHE_HOME="$temporary/cache" XDG_RUNTIME_DIR="$temporary/runtime"
unset CLAUDE_CONFIG_DIR CODEX_HOME NO_COLOR PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE LUA_INIT LUA_PATH LUA_CPATH \
    LUA_PATH_5_4 LUA_CPATH_5_4 CFLAGS CPPFLAGS LDFLAGS DESTDIR CC CXX
export LC_ALL=C.UTF-8 TZ=UTC TACHO_TEST_SOURCE="$root" TACHO_TEST_PREFIX="$prefix" \
    PATH="$prefix/bin:$venv/bin:$PATH" PKG_CONFIG_PATH="$prefix/lib/pkgconfig" \
    LUA_PATH="$prefix/share/lua/5.4/?.lua;$prefix/share/lua/5.4/?/init.lua;$root/tests/lua/?.lua;;" \
    LUA_CPATH="$prefix/lib/lua/5.4/?.so;;"

# ---- all lanes ------------------------------------------------------------------------------------------------------

: >"$out/totals"
for lane in $chosen; do
    seconds=$(budget_of "$lane")
    start=$(date +%s)
    mkdir -p "$out/$lane"
    echo "== $lane"
    timeout -k 10 "$seconds" sh "$root/tests/run.sh" --inside "$lane"
    status=$?
    "$venv/bin/python" tests/count.py "$lane" "$out/$lane" "$status" "$(($(date +%s) - start))" "$seconds" "$out/totals"
done
"$venv/bin/python" tests/count.py --total "$out/totals"
