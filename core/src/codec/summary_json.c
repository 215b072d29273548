#include "codec/summary_json.h"

#include "codec/plain_rows.h"
#include "snapshot/fields.h"

#include <string.h>

static const char *const random_fields[] = {"id", "parent_id", "trace_id", NULL};

static bool listed(const char *const *names, const char *name) {
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_quality(const char *name) {
    size_t count;
    const char *const *quality = tacho_summary_quality(&count);
    size_t i = 0;
    while (i < count && strcmp(quality[i], name) != 0) {
        i++;
    }
    return i < count;
}

/* The classes of text that are always shown, used or not. */
static bool common_unit(const char *name) {
    static const char *const names[] = {"input_tokens",
                                        "cache_read_tokens",
                                        "cache_write_tokens",
                                        "cache_write_1h_tokens",
                                        "output_tokens",
                                        "reasoning_tokens",
                                        NULL};
    return listed(names, name);
}

/* A field that is about a unit which nobody used. */
static bool unused_unit(const tacho_field *field, const void *base) {
    return tacho_unit_find(field->name) >= 0 && !common_unit(field->name) && tacho__field_integer(field, base) <= 0;
}

void tacho__json_summary_scalars(tacho__json_writer *writer, const tacho_summary *summary) {
    size_t count;
    const tacho_field *fields = tacho_summary_fields(&count);
    for (size_t i = 0; i < count; i++) {
        bool elsewhere = is_quality(fields[i].name) && strcmp(fields[i].name, "unpriced_calls") != 0;
        if (!elsewhere && !unused_unit(&fields[i], summary)) {
            tacho__json_field_member(writer, &fields[i], summary, TACHO__NAMED_COUNTS);
        }
    }
    tacho__json_key(writer, "data_quality");
    tacho__json_object_begin(writer);
    size_t doubts;
    const char *const *quality = tacho_summary_quality(&doubts);
    for (size_t i = 0; i < doubts; i++) {
        tacho__json_field_member(writer, tacho__field_find(fields, count, quality[i]), summary, TACHO__NAMED_COUNTS);
    }
    tacho__json_object_end(writer);
}

void tacho__json_rows_whole(tacho__json_writer *writer, const tacho_rows *rows) {
    tacho__columns columns;
    tacho__columns_all(rows, &columns);
    tacho__json_array_begin(writer);
    for (size_t i = 0; i < rows->count; i++) {
        tacho__json_object_begin(writer);
        for (size_t j = 0; j < columns.count; j++) {
            if (!unused_unit(columns.field[j], &rows->rows[i])) {
                tacho__json_field_member(writer, columns.field[j], &rows->rows[i], TACHO__NAMED_COUNTS);
            }
        }
        tacho__json_object_end(writer);
    }
    tacho__json_array_end(writer);
}

void tacho__json_records_plain(tacho__json_writer *writer, const tacho_records *records) {
    size_t count;
    const tacho_field *fields = tacho_record_fields(&count);
    tacho__json_array_begin(writer);
    for (size_t i = 0; i < records->count; i++) {
        const tacho_record_view *record = &records->records[i];
        tacho__json_object_begin(writer);
        for (size_t j = 0; j < count; j++) {
            if (!listed(random_fields, fields[j].name) && !unused_unit(&fields[j], record)) {
                tacho__json_field_member(writer, &fields[j], record, TACHO__NAMED_TIMES);
            }
        }
        tacho__json_object_end(writer);
    }
    tacho__json_array_end(writer);
}

/* null where they are no part of what is summed up: one session, a history. */
static void write_own(tacho__json_writer *writer, const tacho_summary *summary) {
    tacho__json_key(writer, "caches");
    if (summary->caches) {
        tacho__json_caches(writer, summary->caches);
    } else {
        tacho__json_null(writer);
    }
    tacho__json_key(writer, "metrics");
    if (summary->metrics) {
        tacho__json_metrics(writer, summary->metrics);
    } else {
        tacho__json_null(writer);
    }
}

void tacho__json_summary(tacho__json_writer *writer, const tacho_summary *summary) {
    tacho__json_object_begin(writer);
    tacho__json_summary_scalars(writer, summary);
    tacho__json_key(writer, "tools");
    tacho__json_rows_whole(writer, summary->tools);
    tacho__json_key(writer, "models");
    tacho__json_rows_whole(writer, summary->models);
    tacho__json_key(writer, "slowest");
    tacho__json_records_plain(writer, summary->slowest);
    write_own(writer, summary);
    tacho__json_object_end(writer);
}
