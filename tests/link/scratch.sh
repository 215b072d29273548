# Sourced by the tests of this folder: a temporary folder, and one function.
set -eu
here=$TACHO_TEST_SOURCE/tests/link
scratch=$(mktemp -d "${TMPDIR:-/tmp}/tacho-link.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# expect_consumer PROGRAM: it must record one step and say the version of the header.
expect_consumer() {
    version=$(sed -n 's/^#define TACHO_VERSION  *"\(.*\)"/\1/p' "$TACHO_TEST_SOURCE/core/include/tachograph/version.h")
    said=$("$1")
    [ "$said" = "$version success" ] || {
        echo "$1 printed \"$said\", not \"$version success\""
        exit 1
    }
}
