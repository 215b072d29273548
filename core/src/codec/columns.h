/** Which fields of a row are written where nobody chose. */
#ifndef TACHO_CODEC_COLUMNS_H
#define TACHO_CODEC_COLUMNS_H

#include <stddef.h>
#include <tachograph/snapshot.h>

#define TACHO__COLUMNS_MAX 96

typedef struct tacho__columns {
    const tacho_field *field[TACHO__COLUMNS_MAX];
    size_t count;
} tacho__columns;

/**
 * Resolves names of row fields; NULL = the grouping keys of `by` and the usage columns of faces section 4, in that
 * order. TACHO_OK; TACHO_INVALID (a name is no field, or more than TACHO__COLUMNS_MAX).
 */
tacho_status tacho__columns_resolve(const char *const *names, uint32_t by, tacho__columns *out);
/** Every field of a row but grouping keys other than those of `by`. */
void tacho__columns_all(uint32_t by, tacho__columns *out);
/** The same columns without grouping keys: those of the totals. */
void tacho__columns_of_totals(const tacho__columns *columns, tacho__columns *out);
/** Names of the grouping keys of `by`, NULL-terminated. */
const char *const *tacho__columns_keys(uint32_t by);

#endif
