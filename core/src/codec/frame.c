#include "codec/frame.h"

#include "base/memory.h"
#include "base/text.h"
#include "snapshot/fields.h"
#include "snapshot/group.h"
#include "snapshot/notes.h"
#include "wire/msgpack_writer.h"

#include <string.h>

/* ---------------------------------------------------------------------------------------------------------- writing */

static const void *member(const tacho_field *field, const void *base) {
    return (const char *)base + field->offset;
}

static void put_text(tacho__buffer *out, const char *text) {
    tacho__msgpack_put_str(out, text, text ? strlen(text) : 0);
}

static void put_named(tacho__buffer *out, const tacho_named *list, uint32_t count) {
    count = list ? count : 0;
    tacho__msgpack_put_array(out, count * 2);
    for (uint32_t i = 0; i < count; i++) {
        put_text(out, list[i].name);
        tacho__msgpack_put_int(out, list[i].value);
    }
}

static void put_tags(tacho__buffer *out, const tacho_tag *list, uint32_t count) {
    count = list ? count : 0;
    tacho__msgpack_put_array(out, count * 2);
    for (uint32_t i = 0; i < count; i++) {
        put_text(out, list[i].name);
        put_text(out, list[i].value);
    }
}

static void put_buckets(tacho__buffer *out, const tacho__buckets *buckets) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < buckets->length; i++) {
        used += buckets->counts[i] > 0;
    }
    tacho__msgpack_put_array(out, used * 2);
    for (uint32_t i = 0; i < buckets->length; i++) {
        if (buckets->counts[i] > 0) {
            tacho__msgpack_put_int(out, buckets->first + (int32_t)i);
            tacho__msgpack_put_uint(out, buckets->counts[i]);
        }
    }
}

/* Ends ascend, so all but the first are told as the step from the one before. */
static void put_recent(tacho__buffer *out, const tacho__recent *recent) {
    if (recent->wanted == 0 && !recent->missing) {
        tacho__msgpack_put_array(out, 0);
        return;
    }
    tacho__msgpack_put_array(out, 3 + 2 * recent->count);
    tacho__msgpack_put_uint(out, recent->wanted);
    tacho__msgpack_put_uint(out, recent->missing);
    if (recent->since_ns == INT64_MIN) {
        tacho__msgpack_put_nil(out);
    } else {
        tacho__msgpack_put_int(out, recent->since_ns);
    }
    for (uint32_t i = 0; i < recent->count; i++) {
        const tacho__recent_call *call = &recent->calls[i];
        if (i == 0) {
            tacho__msgpack_put_int(out, call->ended_at_ns);
        } else { /* modulo 2^64, as it is added again */
            tacho__msgpack_put_uint(out, (uint64_t)call->ended_at_ns - (uint64_t)recent->calls[i - 1].ended_at_ns);
        }
        tacho__msgpack_put_int(out, call->duration_ns);
    }
}

static void put_value(tacho__buffer *out, const tacho_field *field, const void *base) {
    uint32_t small, count;
    switch (field->type) {
    case TACHO_FIELD_TEXT:
        put_text(out, tacho__field_text(field, base));
        break;
    case TACHO_FIELD_NAMED:
    case TACHO__FRAME_TYPES: {
        const tacho_named *list = tacho__field_named(field, base, &count);
        put_named(out, list, count);
        break;
    }
    case TACHO_FIELD_TAGS: {
        const tacho_tag *list = tacho__field_tags(field, base, &count);
        put_tags(out, list, count);
        break;
    }
    case TACHO_FIELD_NOTES: {
        const tacho_note *list = tacho__field_notes(field, base, &count);
        tacho__metadata_put(out, list, count);
        break;
    }
    case TACHO_FIELD_EVENTS: {
        const tacho_event *list = tacho__field_events(field, base, &count);
        tacho__events_put(out, list, count);
        break;
    }
    case TACHO__FRAME_SMALL:
        memcpy(&small, member(field, base), sizeof small);
        tacho__msgpack_put_uint(out, small);
        break;
    case TACHO__FRAME_BUCKETS:
        put_buckets(out, member(field, base));
        break;
    case TACHO__FRAME_RECENT:
        put_recent(out, member(field, base));
        break;
    default:
        if (tacho__field_unknown(field, base)) {
            tacho__msgpack_put_nil(out);
        } else {
            tacho__msgpack_put_int(out, tacho__field_integer(field, base));
        }
        break;
    }
}

void tacho__frame_put(tacho__buffer *out, const tacho__frame_sort *sort, const void *structs, size_t count) {
    tacho__msgpack_put_map(out, 2);
    tacho__msgpack_put_key(out, "columns");
    tacho__msgpack_put_array(out, (uint32_t)sort->count);
    for (size_t i = 0; i < sort->count; i++) {
        tacho__msgpack_put_key(out, sort->fields[i].name);
    }
    tacho__msgpack_put_key(out, "rows");
    tacho__msgpack_put_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const void *base = (const char *)structs + i * sort->size;
        tacho__msgpack_put_array(out, (uint32_t)sort->count);
        for (size_t j = 0; j < sort->count; j++) {
            put_value(out, &sort->fields[j], base);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------------- reading */

static int find_column(const tacho__frame_sort *sort, const tacho__msgpack *name) {
    for (size_t i = 0; i < sort->count; i++) {
        if (tacho__msgpack_is(name, sort->fields[i].name)) {
            return (int)i;
        }
    }
    return -1;
}

tacho_status tacho__frame_open(const tacho__msgpack *frame, const tacho__frame_sort *sort,
                               tacho__frame_reader *reader) {
    tacho__msgpack columns, rows, name;
    if (tacho__msgpack_get_array(frame, "columns", &columns) != TACHO_OK ||
        tacho__msgpack_get_array(frame, "rows", &rows) != TACHO_OK ||
        columns.count > sizeof reader->column / sizeof *reader->column) {
        return TACHO_DAMAGED;
    }
    bool found[TACHO__FRAME_COLUMNS] = {false};
    tacho__msgpack_walker walker = tacho__msgpack_walk(&columns);
    for (reader->columns = 0; tacho__msgpack_next(&walker, &name); reader->columns++) {
        int column = find_column(sort, &name);
        reader->column[reader->columns] = (int16_t)column;
        if (column >= 0 && found[column]) {
            return TACHO_DAMAGED;
        }
        if (column >= 0) {
            found[column] = true;
        }
    }
    for (size_t i = 0; i < sort->count; i++) {
        if (!found[i]) {
            return TACHO_DAMAGED;
        }
    }
    reader->sort = sort;
    reader->rows = rows.count;
    reader->walker = tacho__msgpack_walk(&rows);
    return TACHO_OK;
}

static tacho_status take_text(const tacho__msgpack *value, tacho__arena *arena, const char **out) {
    char text[TACHO__TEXT_CAP + 1];
    *out = NULL;
    if (value->type == TACHO__MSGPACK_NIL) {
        return TACHO_OK;
    }
    if (value->type != TACHO__MSGPACK_STR) {
        return TACHO_DAMAGED;
    }
    size_t length = tacho__text_clean((const char *)value->bytes, value->length, text);
    *out = tacho__arena_bytes(arena, text, length);
    return *out ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status take_integer(const tacho__msgpack *value, int64_t least, int64_t unknown, int64_t *out) {
    *out = unknown;
    if (value->type == TACHO__MSGPACK_NIL) {
        return TACHO_OK;
    }
    int64_t number;
    if (tacho__msgpack_as_int(value, &number) != TACHO_OK || number < least) {
        return TACHO_DAMAGED;
    }
    *out = number;
    return TACHO_OK;
}

static tacho_status take_named(const tacho__msgpack *value, tacho__arena *arena, const tacho_named **list,
                               uint32_t *count) {
    tacho__msgpack name, number;
    if (value->type != TACHO__MSGPACK_ARRAY || value->count % 2 != 0) {
        return TACHO_DAMAGED;
    }
    tacho_named *named = tacho__arena_array(arena, value->count / 2, sizeof *named);
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    tacho_status status = named ? TACHO_OK : TACHO_NOMEM;
    *count = 0;
    while (status == TACHO_OK && tacho__msgpack_next(&walker, &name) && tacho__msgpack_next(&walker, &number)) {
        status = take_text(&name, arena, &named[*count].name);
        if (status == TACHO_OK) {
            status = named[*count].name ? take_integer(&number, 0, 0, &named[*count].value) : TACHO_DAMAGED;
        }
        (*count)++;
    }
    *list = *count > 0 ? named : NULL;
    return status;
}

static tacho_status take_tags(const tacho__msgpack *value, tacho__arena *arena, char *at) {
    tacho__msgpack name, text;
    if (value->type != TACHO__MSGPACK_ARRAY || value->count % 2 != 0 || value->count / 2 > TACHO_TAGS_MAX) {
        return TACHO_DAMAGED;
    }
    tacho_tag *tags = value->count > 0 ? tacho__arena_array(arena, value->count / 2, sizeof *tags) : NULL;
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    tacho_status status = tags || value->count == 0 ? TACHO_OK : TACHO_NOMEM;
    uint32_t count = 0;
    while (status == TACHO_OK && tacho__msgpack_next(&walker, &name) && tacho__msgpack_next(&walker, &text)) {
        status = take_text(&name, arena, &tags[count].name);
        if (status == TACHO_OK) {
            status = tags[count].name ? take_text(&text, arena, &tags[count].value) : TACHO_DAMAGED;
        }
        count++;
    }
    memcpy(at, &tags, sizeof tags);
    memcpy(at + sizeof tags, &count, sizeof count);
    return status;
}

static tacho_status take_buckets(const tacho__msgpack *value, tacho__buckets *out) {
    tacho__msgpack index, n;
    if (value->type != TACHO__MSGPACK_ARRAY || value->count % 2 != 0) {
        return TACHO_DAMAGED;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    int64_t before = INT64_MIN;
    while (tacho__msgpack_next(&walker, &index) && tacho__msgpack_next(&walker, &n)) {
        int64_t at, count;
        if (tacho__msgpack_as_int(&index, &at) != TACHO_OK || tacho__msgpack_as_int(&n, &count) != TACHO_OK ||
            at <= before || at < TACHO__BUCKET_ZERO || at > TACHO__BUCKET_HIGHEST || count < 0) {
            return TACHO_DAMAGED;
        }
        before = at;
        if (!tacho__buckets_add(out, (int32_t)at, (uint64_t)count)) {
            return TACHO_NOMEM;
        }
    }
    return TACHO_OK;
}

static tacho_status take_recent_head(tacho__msgpack_walker *walker, tacho__recent *out) {
    tacho__msgpack wanted, missing, since;
    uint64_t number, flag;
    if (!tacho__msgpack_next(walker, &wanted) || !tacho__msgpack_next(walker, &missing) ||
        !tacho__msgpack_next(walker, &since) || tacho__msgpack_as_uint(&wanted, &number) != TACHO_OK ||
        tacho__msgpack_as_uint(&missing, &flag) != TACHO_OK || number > TACHO__RECENT_MOST || flag > 1) {
        return TACHO_DAMAGED;
    }
    out->wanted = (uint32_t)number;
    out->missing = flag != 0;
    return take_integer(&since, INT64_MIN, INT64_MIN, &out->since_ns);
}

static tacho_status take_recent_call(tacho__msgpack_walker *walker, tacho__recent *out) {
    tacho__msgpack end, duration;
    tacho__recent_call *call = &out->calls[out->count];
    uint64_t step = 0;
    if (!tacho__msgpack_next(walker, &end) || !tacho__msgpack_next(walker, &duration) ||
        tacho__msgpack_as_int(&duration, &call->duration_ns) != TACHO_OK || call->duration_ns < 0) {
        return TACHO_DAMAGED;
    }
    if (out->count == 0) {
        return tacho__msgpack_as_int(&end, &call->ended_at_ns) == TACHO_OK ? TACHO_OK : TACHO_DAMAGED;
    }
    const int64_t before = out->calls[out->count - 1].ended_at_ns;
    if (tacho__msgpack_as_uint(&end, &step) != TACHO_OK || step > (uint64_t)INT64_MAX - (uint64_t)before) {
        return TACHO_DAMAGED;
    }
    call->ended_at_ns = (int64_t)((uint64_t)before + step);
    return TACHO_OK;
}

static tacho_status take_recent(const tacho__msgpack *value, tacho__recent *out) {
    const size_t count = value->count / 2 - (value->count > 0);
    if (value->type != TACHO__MSGPACK_ARRAY || (value->count > 0 && value->count % 2 == 0) || value->count == 1) {
        return TACHO_DAMAGED;
    }
    if (value->count == 0) {
        return TACHO_OK;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    tacho_status status = take_recent_head(&walker, out);
    if (status != TACHO_OK || count > out->wanted) {
        return TACHO_DAMAGED;
    }
    out->calls = tacho__malloc(count * sizeof *out->calls);
    if (!out->calls) {
        return TACHO_NOMEM;
    }
    while (out->count < count && status == TACHO_OK) {
        status = take_recent_call(&walker, out);
        out->count += status == TACHO_OK;
    }
    return status;
}

static tacho_status take_state(const tacho__msgpack *value, void *at) {
    int64_t number;
    if (take_integer(value, 0, 0, &number) != TACHO_OK || number >= TACHO__GROUP_COST_STATES) {
        return TACHO_DAMAGED;
    }
    int32_t state = (int32_t)number;
    memcpy(at, &state, sizeof state);
    return TACHO_OK;
}

static tacho_status take_small(const tacho__msgpack *value, void *at) {
    uint64_t number;
    if (tacho__msgpack_as_uint(value, &number) != TACHO_OK || number > UINT32_MAX) {
        return TACHO_DAMAGED;
    }
    uint32_t small = (uint32_t)number;
    memcpy(at, &small, sizeof small);
    return TACHO_OK;
}

static tacho_status take_types(const tacho__msgpack *value, tacho__arena *arena, tacho__group *group) {
    const tacho_named *list;
    uint32_t count;
    tacho_status status = take_named(value, arena, &list, &count);
    for (uint32_t i = 0; status == TACHO_OK && i < count; i++) {
        status = tacho__group_error_type(group, arena, list[i].name, list[i].value) ? TACHO_OK : TACHO_NOMEM;
    }
    return status;
}

static tacho_status take_number(const tacho__msgpack *value, const tacho_field *field, void *at) {
    int64_t number;
    tacho_status status;
    switch (field->type) {
    case TACHO_FIELD_USD:
        status = take_integer(value, INT64_MIN + 1, TACHO_COST_UNKNOWN, &number);
        break;
    case TACHO_FIELD_TIME:
        status = take_integer(value, INT64_MIN, 0, &number);
        break;
    case TACHO__FRAME_COUNT:
        status = take_integer(value, 0, 0, &number);
        break;
    case TACHO__FRAME_AMOUNT:
        status = take_integer(value, INT64_MIN + 1, 0, &number);
        break;
    default:
        status = take_integer(value, 0, -1, &number);
        break;
    }
    memcpy(at, &number, sizeof number);
    return status;
}

static tacho_status take_notes(const tacho__msgpack *value, tacho__arena *arena, char *at) {
    const tacho_note *list;
    uint32_t count;
    if (value->type != TACHO__MSGPACK_MAP) {
        return TACHO_DAMAGED;
    }
    const bool done = tacho__metadata_take(value, arena, &list, &count);
    memcpy(at, &list, sizeof list);
    memcpy(at + sizeof list, &count, sizeof count);
    return done ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status take_events(const tacho__msgpack *value, tacho__arena *arena, char *at) {
    const tacho_event *list;
    uint32_t count;
    if (value->type != TACHO__MSGPACK_ARRAY) {
        return TACHO_DAMAGED;
    }
    const bool done = tacho__events_take(value, arena, &list, &count);
    memcpy(at, &list, sizeof list);
    memcpy(at + sizeof list, &count, sizeof count);
    return done ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status take_value(const tacho__msgpack *value, const tacho_field *field, tacho__arena *arena, void *base) {
    char *at = (char *)base + field->offset;
    const char *text;
    const tacho_named *list;
    uint32_t count;
    tacho_status status;
    switch (field->type) {
    case TACHO_FIELD_TEXT:
        status = take_text(value, arena, &text);
        memcpy(at, &text, sizeof text);
        return status;
    case TACHO_FIELD_NAMED:
        status = take_named(value, arena, &list, &count);
        if (status == TACHO_OK) {
            memcpy(at, &list, sizeof list);
            memcpy(at + sizeof list, &count, sizeof count);
        }
        return status;
    case TACHO_FIELD_TAGS:
        return take_tags(value, arena, at);
    case TACHO_FIELD_NOTES:
        return take_notes(value, arena, at);
    case TACHO_FIELD_EVENTS:
        return take_events(value, arena, at);
    case TACHO__FRAME_TYPES: /* the group stands at the start of its struct */
        return take_types(value, arena, base);
    case TACHO_FIELD_STATE:
        return take_state(value, at);
    case TACHO__FRAME_SMALL:
        return take_small(value, at);
    case TACHO__FRAME_BUCKETS:
        return take_buckets(value, (tacho__buckets *)(void *)at);
    case TACHO__FRAME_RECENT:
        return take_recent(value, (tacho__recent *)(void *)at);
    default:
        return take_number(value, field, at);
    }
}

tacho_status tacho__frame_next(tacho__frame_reader *reader, tacho__arena *arena, void *out) {
    tacho__msgpack row, value;
    if (!tacho__msgpack_next(&reader->walker, &row) || row.type != TACHO__MSGPACK_ARRAY ||
        row.count != reader->columns) {
        return TACHO_DAMAGED;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(&row);
    tacho_status status = TACHO_OK;
    for (size_t i = 0; status == TACHO_OK && tacho__msgpack_next(&walker, &value); i++) {
        int column = reader->column[i];
        if (column >= 0) {
            status = take_value(&value, &reader->sort->fields[column], arena, out);
        }
    }
    return status;
}
