/** Rows as a table for people. */
#ifndef TACHO_CODEC_ROWS_TEXT_H
#define TACHO_CODEC_ROWS_TEXT_H

#include "codec/columns.h"
#include "codec/output.h"
#include "codec/text_table.h"

/** The columns that people look for, those without a single figure left out. */
tacho_status tacho__rows_text(const tacho_rows *rows, const tacho__text_layout *layout, const tacho_zone *zone,
                              tacho__buffer *out);
/** The columns that somebody chose, all of them. */
tacho_status tacho__rows_text_columns(const tacho_rows *rows, const tacho__columns *columns,
                                      const tacho__text_layout *layout, const tacho_zone *zone, tacho__buffer *out);

#endif
