# An installed static library is found by pkg-config, wherever it was moved to.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
cp -r "$TACHO_TEST_PREFIX" "$scratch/moved"
export PKG_CONFIG_PATH="$scratch/moved/lib/pkgconfig"
# shellcheck disable=SC2046 # flags are a list of words
cc "$here/main.c" $(pkg-config --cflags --libs tachograph) -o "$scratch/consumer"
expect_consumer "$scratch/consumer"
printf '#include <tachograph/history.h>\nint main(void) { tacho_history_close(NULL); return 0; }\n' >"$scratch/history.c"
# shellcheck disable=SC2046
cc "$scratch/history.c" $(pkg-config --cflags --libs tachograph_io) -o "$scratch/history"
"$scratch/history"
