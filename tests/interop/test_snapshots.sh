# A snapshot saved by one language is loaded by the other two, in both forms, with equal numbers.
set -eu
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tacho-interop.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
examples=$TACHO_TEST_SOURCE/examples
flags=$(pkg-config --cflags --libs tachograph)
# shellcheck disable=SC2086 # flags are a list of words
cc -Wall -Wextra -Werror "$examples/c/embed.c" $flags -o "$scratch/embed"
# shellcheck disable=SC2086
cc -Wall -Wextra -Werror "$TACHO_TEST_SOURCE/tests/interop/load.c" $flags -o "$scratch/load"
cd "$scratch"
for suffix in tacho json; do
    ./embed "c.$suffix" >/dev/null
    python "$examples/python/service.py" "python.$suffix" >/dev/null
    lua5.4 "$examples/lua/harness.lua" "lua.$suffix" >/dev/null
    for writer in c python lua; do
        file=$writer.$suffix
        ./load "$file" >"$file.by-c"
        python "$TACHO_TEST_SOURCE/tests/interop/load.py" "$file" >"$file.by-python"
        lua5.4 "$TACHO_TEST_SOURCE/tests/interop/load.lua" "$file" >"$file.by-lua"
        for reader in c python lua; do
            diff c.tacho.by-c "$file.by-$reader"
        done
    done
done
grep -q '"web_fetch"' c.tacho.by-c
