# The command needs nothing at run time but libc and libm, so it can travel in a wheel.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
needed=$(readelf -d "$TACHO_TEST_PREFIX/bin/tacho" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for name in $needed; do
    case $name in
    libc.so.* | libm.so.* | ld-linux*) ;;
    *) echo "tacho needs $name"; exit 1 ;;
    esac
done
