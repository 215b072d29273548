/** A price table in memory, for the files that look things up in it. */
#ifndef TACHO_PRICE_TABLE_H
#define TACHO_PRICE_TABLE_H

#include "price/table_layout.h"

#include <stdbool.h>
#include <tachograph/price.h>

struct tacho_price_table {
    const tacho__price_header *sheets; /* aligned to 8 bytes, checked */
    const tacho_price_table *base;     /* asked for what this one does not have; NULL = none */
    void *owned;                       /* what to free; NULL for the built-in table */
    char version[24];                  /* "2026-11-21.3f9a01bc" */
};

/* The generated file: a table as MessagePack, and where in it the content of `sheets` begins. */
extern const char tacho__price_builtin_bytes[];
extern const size_t tacho__price_builtin_length;

/** Address of the first element of a section. */
#define TACHO__PRICE_AT(table, section, type)                                                                          \
    ((const type *)(const void *)((const char *)(table)->sheets + (table)->sheets->sections[section].offset))
#define TACHO__PRICE_COUNT(table, section) ((table)->sheets->sections[section].count)

/** A NUL-terminated text of the table. */
static inline const char *tacho__price_text_at(const tacho_price_table *table, tacho__price_text text) {
    return TACHO__PRICE_AT(table, TACHO__PRICE_TEXTS, char) + (text >> 8);
}

/** Whether the bytes after a table's header fit the header: every offset, index and order (table_check.c). */
tacho_status tacho__price_check(const tacho__price_header *sheets, size_t length);

/** Find the content of `sheets` in the bytes of a table file. */
tacho_status tacho__price_open(const void *bytes, size_t length, const tacho__price_header **sheets,
                               size_t *sheets_length);

/** A table from the bytes of a table file; `base` counts for user tables. */
tacho_status tacho__price_load(tacho_price_table **out, const void *bytes, size_t length,
                               const tacho_price_table *base);

#endif
