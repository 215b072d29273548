/** Texts of a view that outlive it: copied into an arena, each once however often it is named. One thread. */
#ifndef TACHO_SNAPSHOT_KEPT_H
#define TACHO_SNAPSHOT_KEPT_H

#include "snapshot/arena.h"

typedef struct tacho__kept {
    tacho__arena *arena;
    struct tacho__kept_text *texts; /* hash table by address */
    size_t count, size;
} tacho__kept;

/** The copy of a text of the view; NULL for NULL, and when out of memory (the arena says so). */
const char *tacho__keep(tacho__kept *kept, const char *text);
/** Ends the bookkeeping; the copies stay. */
void tacho__kept_end(tacho__kept *kept);

#endif
