#include <tachograph/price_table.h>

#include "price/table.h"

#include <string.h>

/* A table file begins with a MessagePack map; "{", "[", a comment or white space begin a JSON text. */
static bool is_json(const char *bytes, size_t length) {
    return length > 0 && strchr("{[/ \t\r\n", bytes[0]) != NULL && bytes[0] != 0;
}

/* Our own schema is the user's prices; the sources make a whole table. */
static tacho_status read_json(tacho_price_table **out, const char *bytes, size_t length, const tacho_price_table *base,
                              tacho_price_built *built) {
    tacho_price_source source = TACHO_PRICE_SOURCE_INIT;
    source.name = "user";
    source.text = bytes;
    source.length = length;
    uint32_t date = tacho_price_table_date(base);
    tacho_status status = tacho_price_build(&source, 1, date, TACHO_PRICE_BUILD_DETECT, NULL, built);
    return status == TACHO_OK ? tacho__price_load(out, built->bytes, built->length, base) : status;
}

tacho_status tacho_price_table_read(tacho_price_table **out, const void *bytes, size_t length,
                                    const tacho_price_table *base, tacho_price_built *built) {
    if (!out || !bytes || !built) {
        return TACHO_INVALID;
    }
    *out = NULL;
    *built = (tacho_price_built)TACHO_PRICE_BUILT_INIT;
    if (length > TACHO_PRICE_FILE_MAX) {
        return TACHO_LIMIT;
    }
    return is_json(bytes, length) ? read_json(out, bytes, length, base, built)
                                  : tacho__price_load(out, bytes, length, base);
}

tacho_status tacho_price_table_load(tacho_price_table **out, const void *bytes, size_t length,
                                    const tacho_price_table *base) {
    tacho_price_built built = TACHO_PRICE_BUILT_INIT;
    tacho_status status = tacho_price_table_read(out, bytes, length, base, &built);
    tacho_price_built_clear(&built);
    return status;
}
