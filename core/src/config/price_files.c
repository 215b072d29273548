#include "config/price_files.h"

#include "base/memory.h"
#include "base/unforked.h"
#include "config/file.h"
#include "config/paths.h"
#include "price/table.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <tachograph/price_table.h>
#include <tachograph/settings.h>

/*
 * The last good prices of a file, as table bytes: a process that reads its settings again may find the file damaged.
 * Looked at and replaced where no fork comes between, so that a child finds it whole and may do the same.
 */
static struct good_prices {
    char path[TACHO__PATH_MAX];
    size_t length;
    uint8_t bytes[];
} * good;

static void remember(const char *path, const void *bytes, size_t length) {
    struct good_prices *latest = strlen(path) < TACHO__PATH_MAX ? tacho__malloc(sizeof *latest + length) : NULL;
    if (!latest) {
        return; /* then there is nothing to fall back to, as before the first file */
    }
    snprintf(latest->path, sizeof latest->path, "%s", path);
    latest->length = length;
    memcpy(latest->bytes, bytes, length);
    if (tacho__unforked_enter()) {
        struct good_prices *before = good;
        good = latest;
        latest = before;
        tacho__unforked_leave();
    }
    tacho__free(latest);
}

static void recall(const char *path, const tacho_price_table *base, tacho_price_table **out) {
    if (!tacho__unforked_enter()) {
        return;
    }
    if (good && strcmp(good->path, path) == 0) {
        (void)tacho_price_table_load(out, good->bytes, good->length, base);
    }
    tacho__unforked_leave();
}

static void explain(tacho_status status, const tacho_price_built *built, char *why, size_t size) {
    if (built->fault[0] != '\0') {
        snprintf(why, size, "line %llu, column %llu: %s", (unsigned long long)built->fault_line,
                 (unsigned long long)built->fault_column, built->fault);
    } else {
        snprintf(why, size, "%s", status == TACHO_NOT_FOUND ? "no such file" : tacho_status_text(status));
    }
}

tacho_status tacho__prices_load(const char *path, const tacho_price_table *base, tacho_price_table **out, char *why,
                                size_t size) {
    char *bytes;
    size_t length;
    tacho_price_built built = TACHO_PRICE_BUILT_INIT;
    *out = NULL;
    tacho_status status = tacho__settings_slurp(path, TACHO_PRICE_FILE_MAX, &bytes, &length);
    if (status == TACHO_OK) {
        status = tacho_price_table_read(out, bytes, length, base, &built);
    }
    if (status == TACHO_OK) {
        remember(path, built.bytes != NULL ? built.bytes : bytes, built.bytes != NULL ? built.length : length);
    } else {
        explain(status, &built, why, size);
        recall(path, base, out);
    }
    tacho_price_built_clear(&built);
    tacho__free(bytes);
    return status;
}

tacho_status tacho_default_prices(tacho_price_table **out) {
    char path[TACHO__PATH_MAX], *bytes = NULL;
    size_t length;
    *out = NULL;
    tacho_status status = tacho_default_prices_path(path, sizeof(path));
    if (status == TACHO_OK) {
        status = tacho__settings_slurp(path, TACHO__PRICE_MAX, &bytes, &length);
    }
    if (status == TACHO_OK) {
        status = tacho_price_table_load(out, bytes, length, NULL);
    }
    tacho__free(bytes);
    if (status != TACHO_OK) {
        return status;
    }
    int is_older = tacho_price_table_date(*out) < tacho_price_table_date(NULL); /* the library was updated since */
    int is_users = ((*out)->sheets->flags & TACHO__PRICE_TABLE_USER) != 0;
    if (is_older || is_users) {
        tacho_price_table_free(*out);
        *out = NULL;
        return is_older ? TACHO_NOT_FOUND : TACHO_FOREIGN;
    }
    return TACHO_OK;
}
