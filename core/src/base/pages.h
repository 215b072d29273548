/** Whole pages from the system, for what a forked child must not take over. */
#ifndef TACHO_BASE_PAGES_H
#define TACHO_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/** The page that tacho__pages_new can have emptied; where pages are larger, none is. */
#define TACHO__PAGE 4096u

/**
 * Zeroed memory of at least `bytes`, aligned to a page, touched as it is used; NULL = refused. `wiped`, if not NULL:
 * the first TACHO__PAGE bytes shall read as zero in a forked child, however it was forked; false there if the system
 * cannot do that. Any thread.
 */
void *tacho__pages_new(size_t bytes, bool *wiped);
/** Gives it back; `bytes` as requested. NULL is allowed. */
void tacho__pages_free(void *pages, size_t bytes);

#endif
