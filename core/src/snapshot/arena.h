/**
 * Memory of one result: everything that a table, a summary or a list of records points into is handed out here and
 * given back at once. Not thread-safe while it grows; read from any thread after that.
 */
#ifndef TACHO_SNAPSHOT_ARENA_H
#define TACHO_SNAPSHOT_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tacho__arena_block tacho__arena_block;

typedef struct tacho__arena {
    tacho__arena_block *blocks; /* newest first */
    bool failed;                /* the heap refused once; stays set, so that a builder checks at its end */
} tacho__arena;

/** `size` zeroed bytes, aligned for any type; NULL (and `failed`) when out of memory. */
void *tacho__arena_take(tacho__arena *arena, size_t size);
/** `count * size` zeroed bytes; NULL also when the product overflows. */
void *tacho__arena_array(tacho__arena *arena, size_t count, size_t size);
/**
 * Room for at most `most` bytes, not zeroed, of which tacho__arena_close keeps as many as were used; nothing else may
 * be taken in between. NULL as above.
 */
void *tacho__arena_open(tacho__arena *arena, size_t most);
void tacho__arena_close(tacho__arena *arena, size_t used);
/** A copy with a closing NUL; NULL for a NULL text, and when out of memory. */
const char *tacho__arena_text(tacho__arena *arena, const char *text);
const char *tacho__arena_bytes(tacho__arena *arena, const char *bytes, size_t length);
/** printf into the arena; NULL when out of memory. */
const char *tacho__arena_print(tacho__arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Gives everything back; the arena is empty and usable again. */
void tacho__arena_free(tacho__arena *arena);

#endif
