/**
 * CSV by RFC 4180: CRLF, cells quoted where they need it, a quote doubled. A text that a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or a line break) gets an apostrophe in front; numbers are left as they are.
 * Numbers are exact; unknown is an empty cell.
 */
#ifndef TACHO_CODEC_CSV_H
#define TACHO_CODEC_CSV_H

#include "codec/json_field.h"

typedef struct tacho__csv {
    tacho__buffer *out;
    bool filled; /* the line has a cell */
} tacho__csv;

/** One cell of text; NULL = empty. */
void tacho__csv_text(tacho__csv *csv, const char *text);
/** One cell that is written as it stands: a number of ours. */
void tacho__csv_number(tacho__csv *csv, const char *text);
/** One cell of a field; a NAMED field is a compact JSON object. */
void tacho__csv_field(tacho__csv *csv, const tacho_field *field, const void *base, tacho__named_values named);
void tacho__csv_line_end(tacho__csv *csv);

#endif
