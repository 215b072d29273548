# The source tree is taken in by another project: the library only, no command, no tests.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
cmake -S "$here" -B "$scratch/build" -G Ninja -DTACHO_CONSUME=subdirectory -DTACHO_SOURCE="$TACHO_TEST_SOURCE"
cmake --build "$scratch/build"
expect_consumer "$scratch/build/consumer"
[ ! -e "$scratch/build/tachograph/core/cli/tacho" ]
