# An installed static library is found by CMake, wherever it was moved to.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
cp -r "$TACHO_TEST_PREFIX" "$scratch/moved"
cmake -S "$here" -B "$scratch/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/moved"
cmake --build "$scratch/build"
expect_consumer "$scratch/build/consumer"
"$scratch/build/consumer_io"
