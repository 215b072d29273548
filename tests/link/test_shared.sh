# Shared libraries: they install, a program runs with them, they export what the headers mark TACHO_API and nothing
# else, and libtachograph needs nothing but libc (and its libm) at run time.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
shared=$TACHO_TEST_SOURCE/build/shared
cmake -S "$TACHO_TEST_SOURCE" -B "$shared" -G Ninja -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_LIBDIR=lib
cmake --build "$shared"
cmake --install "$shared" --prefix "$scratch/prefix"
cmake -S "$here" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/prefix"
cmake --build "$scratch/build"
expect_consumer "$scratch/build/consumer"
"$scratch/prefix/bin/tacho" --version

declared() { # HEADER...: names of the functions marked TACHO_API
    cat "$@" | tr '\n' ' ' | sed 's/TACHO_API/\n&/g' | sed -n 's/^TACHO_API[^(]*[ *]\(tacho_[a-z0-9_]*\)(.*/\1/p' | sort
}
exported() { # LIBRARY: names of its public version node
    nm -D --defined-only "$1" | sed -n 's/^[0-9a-f]* [A-Z] \(.*\)@@TACHOGRAPH_0$/\1/p' | sort
}
foreign() { # LIBRARY: anything exported outside its two version nodes
    nm -D --defined-only "$1" | grep -v -e '@@TACHOGRAPH_0$' -e ' tacho__[a-z0-9_]*@@TACHOGRAPH_PRIVATE$' -e ' A TACHOGRAPH_' || true
}
include=$TACHO_TEST_SOURCE/core/include/tachograph
ls "$include"/*.h | grep -v -e '/history\.h$' -e '/ingest\.h$' >"$scratch/headers"
# shellcheck disable=SC2046
declared $(cat "$scratch/headers") >"$scratch/declared"
exported "$scratch/prefix/lib/libtachograph.so" >"$scratch/exported"
diff "$scratch/declared" "$scratch/exported"
declared "$include/history.h" "$include/ingest.h" >"$scratch/declared"
exported "$scratch/prefix/lib/libtachograph_io.so" >"$scratch/exported"
diff "$scratch/declared" "$scratch/exported"
for library in libtachograph libtachograph_io; do
    [ -z "$(foreign "$scratch/prefix/lib/$library.so")" ]
done
needed=$(readelf -d "$scratch/prefix/lib/libtachograph.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for name in $needed; do
    case $name in
    libc.so.* | libm.so.* | ld-linux*) ;;
    *) echo "libtachograph.so needs $name"; exit 1 ;;
    esac
done
