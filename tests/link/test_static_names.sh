# A program that links the static libraries gets no name of ours that does not begin with tacho_.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
strange=$(nm -g --defined-only "$TACHO_TEST_PREFIX/lib/libtachograph.a" "$TACHO_TEST_PREFIX/lib/libtachograph_io.a" |
    awk 'NF == 3 && $3 !~ /^tacho_/ {print $3}')
[ -z "$strange" ] || {
    echo "names without our prefix: $strange"
    exit 1
}
