#include "price/table.h"

#include "base/hash.h"
#include "base/memory.h"
#include "wire/msgpack_reader.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tables are used in place and are little-endian");

static void put_version(tacho_price_table *table) {
    uint32_t date = table->sheets->date;
    uint32_t parts[3] = {date / 10000, date / 100 % 100, date % 100};
    char *out = table->version;
    char hex[17];
    tacho__hex_text(table->sheets->checksum, hex);
    for (int part = 0; part < 3; part++) {
        int digits = part == 0 ? 4 : 2;
        for (int i = digits - 1; i >= 0; i--) {
            out[i] = (char)('0' + parts[part] % 10);
            parts[part] /= 10;
        }
        out += digits;
        *out++ = part < 2 ? '-' : '.';
    }
    memcpy(out, hex + 8, 8);
    out[8] = 0;
}

tacho_status tacho__price_open(const void *bytes, size_t length, const tacho__price_header **sheets,
                               size_t *sheets_length) {
    tacho__msgpack root;
    uint64_t version = 0;
    const char *format;
    size_t format_length;
    const uint8_t *content;
    if (length > TACHO__PRICE_MAX) {
        return TACHO_LIMIT;
    }
    tacho_status status = tacho__msgpack_check(bytes, length, TACHO__PRICE_MAX, &root, NULL);
    if (status != TACHO_OK) {
        return status;
    }
    if (tacho__msgpack_get_str(&root, "format", &format, &format_length) != TACHO_OK ||
        format_length != strlen(TACHO__PRICE_FORMAT) || memcmp(format, TACHO__PRICE_FORMAT, format_length) != 0) {
        return TACHO_FOREIGN;
    }
    if (tacho__msgpack_get_uint(&root, "version", &version) != TACHO_OK || version == 0) {
        return TACHO_DAMAGED;
    }
    if (version > TACHO__PRICE_VERSION) {
        return TACHO_NEWER;
    }
    if (tacho__msgpack_get_bin(&root, "sheets", &content, sheets_length) != TACHO_OK ||
        *sheets_length < sizeof **sheets) {
        return TACHO_DAMAGED;
    }
    *sheets = (const tacho__price_header *)(const void *)content;
    return TACHO_OK;
}

tacho_status tacho__price_load(tacho_price_table **out, const void *bytes, size_t length,
                               const tacho_price_table *base) {
    *out = NULL;
    const tacho__price_header *sheets;
    size_t sheets_length;
    tacho_status status = tacho__price_open(bytes, length, &sheets, &sheets_length);
    if (status != TACHO_OK) {
        return status;
    }
    tacho_price_table *table = tacho__calloc(1, sizeof *table);
    void *copy = tacho__malloc(sheets_length); /* aligned for any type, whatever the caller's bytes are */
    if (!table || !copy) {
        tacho__free(table);
        tacho__free(copy);
        return TACHO_NOMEM;
    }
    memcpy(copy, sheets, sheets_length);
    *table = (tacho_price_table){.sheets = copy, .owned = copy};
    status = tacho__price_check(table->sheets, sheets_length);
    if (status != TACHO_OK) {
        tacho_price_table_free(table);
        return status;
    }
    /* A whole table replaces the one before; only the user's prices stand above another. */
    table->base = table->sheets->flags & TACHO__PRICE_TABLE_USER ? base : NULL;
    put_version(table);
    *out = table;
    return TACHO_OK;
}

void tacho_price_table_free(tacho_price_table *table) {
    if (table && table->owned) {
        tacho__free(table->owned);
        tacho__free(table);
    }
}

/*
 * The built-in table needs no start-up work: its bytes are checked by a test, not at run time, and the struct is filled
 * by whoever comes first. Threads that come at the same time write the same values.
 */
const tacho_price_table *tacho_price_table_builtin(void) {
    static tacho_price_table table;
    static int ready; /* 0 not yet, 1 under way, 2 done */
    if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) == 2) {
        return &table;
    }
    int expected = 0;
    if (__atomic_compare_exchange_n(&ready, &expected, 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        size_t length;
        (void)tacho__price_open(tacho__price_builtin_bytes, tacho__price_builtin_length, &table.sheets, &length);
        put_version(&table);
        __atomic_store_n(&ready, 2, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) != 2) {
    }
    return &table;
}

const char *tacho_price_table_version(const tacho_price_table *table) {
    return table ? table->version : tacho_price_table_builtin()->version;
}

uint32_t tacho_price_table_date(const tacho_price_table *table) {
    return (table ? table : tacho_price_table_builtin())->sheets->date;
}
