# The programs in C, Python and Lua make the same calls and print the same text.
set -eu
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tacho-examples.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
examples=$TACHO_TEST_SOURCE/examples
# shellcheck disable=SC2046 # flags are a list of words
cc -Wall -Wextra -Werror "$examples/c/embed.c" $(pkg-config --cflags --libs tachograph) -o "$scratch/embed"
cd "$scratch"
./embed >c.txt
python "$examples/python/service.py" >python.txt
lua5.4 "$examples/lua/harness.lua" >lua.txt
TACHO_DIR=$scratch/shared ./embed >shared.txt
diff c.txt shared.txt
[ -f "$scratch/shared/meta" ] || {
    echo "embed does not follow TACHO_DIR"
    exit 1
}
cat c.txt
diff c.txt python.txt
diff c.txt lua.txt
for file in "$examples"/c/*.c "$examples"/python/*.py "$examples"/lua/*.lua; do
    [ "$(wc -l <"$file")" -le 60 ] || {
        echo "$file is longer than 60 lines"
        exit 1
    }
done
