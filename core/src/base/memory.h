/**
 * The one door to the heap for code that must survive its refusal. It is a file of its own so that a test can make the
 * k-th request fail and walk every path that follows.
 */
#ifndef TACHO_BASE_MEMORY_H
#define TACHO_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/** `size` bytes, uninitialised, or NULL. `size` 0 is treated as 1. The caller frees with tacho__free. Any thread. */
void *tacho__malloc(size_t size);
/** `count * size` zeroed bytes, or NULL (also when the product overflows). Any thread. */
void *tacho__calloc(size_t count, size_t size);
/** `memory` grown or shrunk to `size` bytes; NULL on refusal, and then `memory` is still the caller's. Any thread. */
void *tacho__realloc(void *memory, size_t size);
/**
 * Says that these bytes are about to be used as a whole: the kernel may then hand them out in large pages, which costs
 * a fraction. For memory that is soon given back. Any thread.
 */
void tacho__memory_expect(void *memory, size_t size);
/** Gives memory back. NULL is allowed. Any thread. */
void tacho__free(void *memory);

/**
 * For tests: of the requests that follow (in all threads), the first `successes` are served and the next one fails;
 * with `forever` all later ones fail too. A negative `successes` switches refusal off.
 */
void tacho__memory_fail_after(int64_t successes, int forever);

#endif
