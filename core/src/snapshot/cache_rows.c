/* Caches by name, added up over the parts. */
#include "base/memory.h"
#include "segment/layout.h"
#include "snapshot/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct cache_table {
    tacho_cache_rows rows; /* first: the handle */
    tacho__arena arena;
    tacho_cache_row *filled;
} cache_table;

typedef struct entry {
    const tacho__part_cache *cache;
    bool live; /* of the latest generation of its process: only then its size is what it is now */
} entry;

static int entry_order(const void *left, const void *right) {
    const entry *a = left, *b = right;
    return strcmp(a->cache->name, b->cache->name);
}

static entry *gather(const tacho_snapshot *snapshot, size_t *count) {
    size_t most = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        most += snapshot->parts[i]->cache_count;
    }
    entry *entries = tacho__calloc(most ? most : 1, sizeof *entries);
    *count = 0;
    for (size_t i = 0; i < snapshot->count && entries; i++) {
        const tacho__part *part = snapshot->parts[i];
        const bool live = tacho__snapshot_is_newest(snapshot, i);
        for (size_t j = 0; j < part->cache_count; j++) {
            entries[(*count)++] = (entry){&part->caches[j], live};
        }
    }
    return entries;
}

static int64_t known_sum(int64_t a, int64_t b) {
    return a < 0 ? b : b < 0 ? a : tacho__sum(a, b);
}

static void add_cache(tacho_cache_row *row, const entry *one) {
    const tacho__part_cache *cache = one->cache;
    row->hits = tacho__sum(row->hits, cache->hits);
    row->misses = tacho__sum(row->misses, cache->misses);
    row->evictions = tacho__sum(row->evictions, cache->evictions);
    row->size_rejections = tacho__sum(row->size_rejections, cache->size_rejections);
    if (one->live) {
        row->size = known_sum(row->size, cache->size);
        row->capacity = known_sum(row->capacity, cache->capacity);
    }
}

static void start_row(tacho_cache_row *row, const char *name) {
    *row = (tacho_cache_row){.struct_size = sizeof *row, .cache = name, .size = -1, .capacity = -1};
}

static void finish_row(tacho_cache_row *row) {
    row->total_requests = tacho__sum(row->hits, row->misses);
    row->hit_rate = row->total_requests > 0 ? (double)row->hits / (double)row->total_requests : (double)NAN;
}

static bool fill_table(cache_table *table, const entry *entries, size_t count) {
    table->filled = tacho__arena_array(&table->arena, count, sizeof *table->filled);
    start_row(&table->rows.totals, NULL);
    for (size_t i = 0; i < count && table->filled; i++) {
        bool next = i > 0 && entry_order(&entries[i - 1], &entries[i]) == 0;
        if (!next) {
            start_row(&table->filled[table->rows.count++], tacho__arena_text(&table->arena, entries[i].cache->name));
        }
        add_cache(&table->filled[table->rows.count - 1], &entries[i]);
        add_cache(&table->rows.totals, &entries[i]);
    }
    for (size_t i = 0; i < table->rows.count && table->filled; i++) {
        finish_row(&table->filled[i]);
    }
    finish_row(&table->rows.totals);
    table->rows.rows = table->filled;
    return table->filled && !table->arena.failed;
}

tacho_status tacho_snapshot_caches(const tacho_snapshot *snapshot, tacho_cache_rows **out) {
    size_t count;
    *out = NULL;
    cache_table *table = tacho__calloc(1, sizeof *table);
    entry *entries = table ? gather(snapshot, &count) : NULL;
    if (!entries) {
        tacho__free(table);
        return TACHO_NOMEM;
    }
    if (count > 1) {
        qsort(entries, count, sizeof *entries, entry_order);
    }
    table->rows.struct_size = sizeof table->rows;
    bool done = fill_table(table, entries, count);
    tacho__free(entries);
    if (!done) {
        tacho_cache_rows_free(&table->rows);
        return TACHO_NOMEM;
    }
    *out = &table->rows;
    return TACHO_OK;
}

void tacho_cache_rows_free(tacho_cache_rows *rows) {
    if (rows) {
        cache_table *table = (cache_table *)rows;
        tacho__arena_free(&table->arena);
        tacho__free(table);
    }
}

/* ----------------------------------------------------------------------------------------------------------- fields */

#define FIELD(name, type, member, help)                                                                                \
    { #name, TACHO_FIELD_##type, offsetof(tacho_cache_row, member), help }

static const tacho_field fields[] = {
    FIELD(cache, TEXT, cache, "Name of the cache"),
    FIELD(hits, COUNT, hits, "Requests that the cache answered"),
    FIELD(misses, COUNT, misses, "Requests that it did not"),
    FIELD(total_requests, COUNT, total_requests, "Hits and misses"),
    FIELD(hit_rate, RATIO, hit_rate, "hits / total_requests, 0 to 1"),
    FIELD(evictions, COUNT, evictions, "Entries that were thrown out"),
    FIELD(size_rejections, COUNT, size_rejections, "Entries refused for their size"),
    FIELD(size, COUNT, size, "Entries in it now, all processes together"),
    FIELD(capacity, COUNT, capacity, "Entries that fit"),
};

const tacho_field *tacho_cache_fields(size_t *count) {
    *count = sizeof fields / sizeof *fields;
    return fields;
}
