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
 * Resolves names of row fields; NULL = the grouping keys of the rows and the usage columns of faces section 4, in that
 * order. TACHO_OK; TACHO_INVALID (a name is no field, or more than TACHO__COLUMNS_MAX).
 */
tacho_status tacho__columns_resolve(const char *const *names, const tacho_rows *rows, tacho__columns *out);
/** Every field of a row but grouping keys other than those of the rows. */
void tacho__columns_all(const tacho_rows *rows, tacho__columns *out);
/** The same columns without grouping keys: those of the totals. */
void tacho__columns_of_totals(const tacho__columns *columns, tacho__columns *out);
/** The fields of the grouping keys of the rows: those of `by` first, then the others in the order of a row's fields. */
void tacho__columns_keys(const tacho_rows *rows, tacho__columns *out);

#endif
