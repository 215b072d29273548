/**
 * Interned strings: each distinct text is kept once and known by a 32-bit id that never changes.
 *
 * The table is append-only private memory, bounded in count and bytes. Texts are cleaned on the way in (base/text.h).
 * Entries and bytes never move, so tacho__strings_get may run in any thread beside one that interns, for every id that
 * reached it through a synchronising operation. Interning itself needs one thread at a time: the caller holds the lock.
 */
#ifndef TACHO_BASE_STRINGS_H
#define TACHO_BASE_STRINGS_H

#include <stddef.h>
#include <stdint.h>
#include <tachograph/status.h>

/** The id of the empty string; it exists from the start, so a zeroed struct names "". */
#define TACHO__STRING_EMPTY 0u

typedef struct tacho__strings tacho__strings;

typedef struct tacho__string {
    const char *text; /* valid UTF-8, no control characters, NUL-terminated; lives as long as the table */
    uint32_t length;  /* bytes without the NUL, 0..TACHO__TEXT_CAP */
} tacho__string;

/**
 * Makes an empty table (which holds "" as id 0).
 *
 * @param max_count most strings, the empty one included; 0 = 65,536
 * @param max_bytes most bytes of text with their NULs; 0 = 4 MiB
 * @return the table, freed with tacho__strings_free; NULL when out of memory
 */
tacho__strings *tacho__strings_new(uint32_t max_count, size_t max_bytes);
/** Frees the table and every text in it. NULL is allowed. */
void tacho__strings_free(tacho__strings *strings);

/**
 * The id of a text, which is added if it is new.
 *
 * @param text any bytes, need not be NUL-terminated; cleaned before it is looked up
 * @param id   TACHO__STRING_EMPTY on failure
 * @return TACHO_OK; TACHO_FULL (a bound was reached; counted); TACHO_NOMEM
 */
tacho_status tacho__strings_intern(tacho__strings *strings, const char *text, size_t length, uint32_t *id);

/** The id of a text that is already there: TACHO_OK or TACHO_NOT_FOUND. Cleaned first; same thread rule as interning.
 */
tacho_status tacho__strings_find(const tacho__strings *strings, const char *text, size_t length, uint32_t *id);

/** The text of an id; the empty string for an id that was never given out. Any thread (see above). */
tacho__string tacho__strings_get(const tacho__strings *strings, uint32_t id);

/** How many strings there are, the empty one included. Any thread. */
uint32_t tacho__strings_count(const tacho__strings *strings);
/** Bytes of text held, with NULs. */
size_t tacho__strings_bytes(const tacho__strings *strings);
/** How often interning was refused because a bound was reached. Any thread. */
uint64_t tacho__strings_refused(const tacho__strings *strings);

#endif
