/** Memory that this process has: what the tests of bounds measure. */
#ifndef TACHO_TESTS_RESIDENT_H
#define TACHO_TESTS_RESIDENT_H

#include <stdint.h>

/** Bytes in memory now; fails the test where the kernel does not tell. */
uint64_t resident_bytes(void);

#endif
