#include "config/price_files.h"

#include "base/memory.h"
#include "config/file.h"
#include "config/paths.h"
#include "price/table.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <tachograph/price_table.h>
#include <tachograph/settings.h>

/* The last good prices of a file, as table bytes: a process that reads its settings again may find the file damaged. */
static struct {
    pthread_mutex_t lock;
    char path[TACHO__PATH_MAX];
    void *bytes;
    size_t length;
} good = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void remember(const char *path, const void *bytes, size_t length) {
    void *copy = strlen(path) < sizeof(good.path) ? tacho__malloc(length) : NULL;
    if (copy == NULL) {
        return; /* then there is nothing to fall back to, as before the first file */
    }
    memcpy(copy, bytes, length);
    pthread_mutex_lock(&good.lock);
    tacho__free(good.bytes);
    good.bytes = copy;
    good.length = length;
    snprintf(good.path, sizeof(good.path), "%s", path);
    pthread_mutex_unlock(&good.lock);
}

static void recall(const char *path, const tacho_price_table *base, tacho_price_table **out) {
    pthread_mutex_lock(&good.lock);
    if (good.bytes != NULL && strcmp(good.path, path) == 0) {
        (void)tacho_price_table_load(out, good.bytes, good.length, base);
    }
    pthread_mutex_unlock(&good.lock);
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
