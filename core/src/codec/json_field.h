/** Fields as JSON: money as decimal strings, seconds as exact numbers, unknown as null. */
#ifndef TACHO_CODEC_JSON_FIELD_H
#define TACHO_CODEC_JSON_FIELD_H

#include "codec/columns.h"
#include "codec/output.h"
#include "wire/json_writer.h"

/** What a NAMED field holds. */
typedef enum tacho__named_values { TACHO__NAMED_COUNTS, TACHO__NAMED_TIMES } tacho__named_values;

/** A NOTES field as an object, an EVENTS field as an array. */
void tacho__json_field_list(tacho__json_writer *writer, const tacho_field *field, const void *base);
/** The value of one field. */
void tacho__json_field_value(tacho__json_writer *writer, const tacho_field *field, const void *base,
                             tacho__named_values named);
/** "name": value of one field. */
void tacho__json_field_member(tacho__json_writer *writer, const tacho_field *field, const void *base,
                              tacho__named_values named);
/** A whole row as an object. */
void tacho__json_row(tacho__json_writer *writer, const tacho__columns *columns, const tacho_row *row);

/** Begins the envelope: {"schema", "generated_at" if given, "query"; the caller goes on with its keys. */
tacho_status tacho__json_envelope(tacho__json_writer *writer, const char *schema, const tacho_style *style);
/** "warnings": [...] } */
void tacho__json_envelope_end(tacho__json_writer *writer, const char *const *warnings, size_t count);

#endif
