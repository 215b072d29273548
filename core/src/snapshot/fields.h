/** Looking things up in the field tables, and reading a field out of its struct. */
#ifndef TACHO_SNAPSHOT_FIELDS_H
#define TACHO_SNAPSHOT_FIELDS_H

#include <tachograph/snapshot.h>

/** The field of a table by its name; NULL if there is none. */
const tacho_field *tacho__field_find(const tacho_field *fields, size_t count, const char *name);

/** Integer of a COUNT, SECONDS, USD, TIME, MILLIS or SCALED field; the state of a STATE field. */
int64_t tacho__field_integer(const tacho_field *field, const void *base);
double tacho__field_ratio(const tacho_field *field, const void *base);
/** Text of a TEXT field, and the word of a STATE field; NULL = unknown. */
const char *tacho__field_text(const tacho_field *field, const void *base);
/** Entries of a NAMED field. */
const tacho_named *tacho__field_named(const tacho_field *field, const void *base, uint32_t *count);
/** Pairs of a TAGS field. */
const tacho_tag *tacho__field_tags(const tacho_field *field, const void *base, uint32_t *count);
/** Decimal digits of the SCALED fields of a struct. */
unsigned tacho__field_digits(const void *base);
/** Entries of a NOTES and of an EVENTS field. */
const tacho_note *tacho__field_notes(const tacho_field *field, const void *base, uint32_t *count);
const tacho_event *tacho__field_events(const tacho_field *field, const void *base, uint32_t *count);
/** True where the field holds "unknown" as its type spells it. An empty NAMED list is known: there were none. */
int tacho__field_unknown(const tacho_field *field, const void *base);

#endif
