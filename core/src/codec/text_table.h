/**
 * A table of text for people. Cells are whole or not there: where the width does not suffice, columns that matter less
 * are left out, and where that does not suffice either, every row becomes a block of lines.
 */
#ifndef TACHO_CODEC_TEXT_TABLE_H
#define TACHO_CODEC_TEXT_TABLE_H

#include "base/buffer.h"
#include "snapshot/arena.h"

#include <stdint.h>

#define TACHO__TEXT_COLUMNS 96

typedef struct tacho__text_column {
    const char *title;
    bool right;   /* numbers */
    bool red;     /* coloured when it is neither 0 nor unknown: failures */
    uint8_t rank; /* 0 = always shown; else columns with the highest rank are left out first */
} tacho__text_column;

typedef struct tacho__text_table {
    tacho__arena arena; /* cells */
    tacho__text_column columns[TACHO__TEXT_COLUMNS];
    size_t column_count;
    const char **cells; /* row after row */
    size_t row_count, row_room;
    size_t footer; /* rows from here on stand below a line: totals */
} tacho__text_table;

typedef struct tacho__text_layout {
    uint32_t width;  /* columns; 0 = as wide as it gets */
    uint32_t indent; /* blanks before every line */
    bool color, ascii;
} tacho__text_layout;

void tacho__text_table_begin(tacho__text_table *table);
/** Adds a column; before the first row. Beyond TACHO__TEXT_COLUMNS it is left out. */
void tacho__text_column_add(tacho__text_table *table, tacho__text_column column);
/** Starts a row of empty cells. */
void tacho__text_row(tacho__text_table *table);
/** Fills a cell of the last row; copied. NULL = "". */
void tacho__text_cell(tacho__text_table *table, size_t column, const char *text);
/** Rows from here on are totals. */
void tacho__text_footer(tacho__text_table *table);
/** Writes the table. TACHO_OK; TACHO_NOMEM (now or earlier). */
tacho_status tacho__text_table_write(const tacho__text_table *table, const tacho__text_layout *layout,
                                     tacho__buffer *out);
void tacho__text_table_free(tacho__text_table *table);

#endif
