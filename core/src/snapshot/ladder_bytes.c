/* A ladder as MessagePack and back (core/FORMAT.md 4): what the holder of the lease leaves to the next one. */
#include "snapshot/ladder_inside.h"

#include "base/memory.h"
#include "wire/msgpack_reader.h"
#include "wire/msgpack_writer.h"

#include <string.h>

#define VERSION 1

/* ------------------------------------------------------------------------------------------------------------ writing
 */

static void put_text(tacho__buffer *out, const char *text) {
    tacho__msgpack_put_str(out, text, text ? strlen(text) : 0);
}

static void put_series(tacho__buffer *out, const tacho__ladder_series_state *series) {
    tacho__buffer total = TACHO__BUFFER_INIT;
    tacho__delta_put(&total, &series->total);
    tacho__msgpack_put_array(out, TACHO__LADDER_LABELS + 1);
    put_text(out, series->labels.operation);
    put_text(out, series->labels.kind);
    put_text(out, series->labels.provider);
    put_text(out, series->labels.model);
    put_text(out, series->labels.component);
    put_text(out, series->labels.tags);
    tacho__msgpack_put_bin(out, total.data, total.length);
    out->failed |= total.failed;
    tacho__buffer_free(&total);
}

static void put_tier(tacho__buffer *out, const tacho__ladder *ladder, unsigned number) {
    const tacho__ladder_tier *tier = &ladder->tiers[number];
    tacho__buffer open = TACHO__BUFFER_INIT;
    tacho__ladder_pack(ladder, number, &open);
    tacho__msgpack_put_map(out, 3);
    tacho__msgpack_put_key(out, "step_ns");
    tacho__msgpack_put_int(out, tacho__ladder_step(number));
    tacho__msgpack_put_key(out, "since_ns");
    tacho__msgpack_put_int(out, tier->since_ns);
    tacho__msgpack_put_key(out, "steps");
    tacho__msgpack_put_array(out, 2 * (tier->count + 1));
    for (uint32_t i = 0; i < tier->count; ++i) {
        const tacho__ladder_bytes_of_step *step = tacho__ladder_at(tier, number, i);
        tacho__msgpack_put_int(out, step->start_ns);
        tacho__msgpack_put_bin(out, step->bytes, step->length);
    }
    tacho__msgpack_put_int(out, tier->open_ns);
    tacho__msgpack_put_bin(out, open.data, open.length);
    out->failed |= open.failed;
    tacho__buffer_free(&open);
}

void tacho__ladder_put(tacho__buffer *out, const tacho__ladder *ladder) {
    tacho__msgpack_put_map(out, 6);
    tacho__msgpack_put_key(out, "version");
    tacho__msgpack_put_uint(out, VERSION);
    tacho__msgpack_put_key(out, "fed_ns");
    tacho__msgpack_put_int(out, ladder->fed_ns);
    tacho__msgpack_put_key(out, "epoch");
    tacho__msgpack_put_uint(out, ladder->epoch);
    tacho__msgpack_put_key(out, "gaps");
    tacho__msgpack_put_array(out, 2 * ladder->gap_count);
    for (uint32_t i = 0; i < ladder->gap_count; ++i) {
        tacho__msgpack_put_int(out, ladder->gaps[i].from_ns);
        tacho__msgpack_put_int(out, ladder->gaps[i].to_ns);
    }
    tacho__msgpack_put_key(out, "series");
    tacho__msgpack_put_array(out, ladder->count);
    for (uint32_t i = 0; i < ladder->count; ++i) {
        put_series(out, &ladder->series[i]);
    }
    tacho__msgpack_put_key(out, "tiers");
    tacho__msgpack_put_array(out, TACHO__LADDER_TIERS);
    for (unsigned tier = 0; tier < TACHO__LADDER_TIERS; ++tier) {
        put_tier(out, ladder, tier);
    }
}

/* ------------------------------------------------------------------------------------------------------------ reading
 */

typedef struct texts {
    char *at[TACHO__LADDER_LABELS];
} texts;

static void free_texts(texts *all) {
    for (unsigned i = 0; i < TACHO__LADDER_LABELS; ++i) {
        tacho__free(all->at[i]);
    }
}

/* NULL for nil. */
static tacho_status take_text(const tacho__msgpack *value, char **out) {
    if (value->type == TACHO__MSGPACK_NIL) {
        return TACHO_OK;
    }
    if (value->type != TACHO__MSGPACK_STR || value->length > 4096 || memchr(value->bytes, 0, value->length)) {
        return TACHO_DAMAGED;
    }
    *out = tacho__malloc(value->length + 1);
    if (!*out) {
        return TACHO_NOMEM;
    }
    memcpy(*out, value->bytes, value->length);
    (*out)[value->length] = 0;
    return TACHO_OK;
}

static tacho_status take_labels(tacho__msgpack_walker *walker, texts *all) {
    tacho_status status = TACHO_OK;
    tacho__msgpack value;
    for (unsigned i = 0; i < TACHO__LADDER_LABELS && status == TACHO_OK; ++i) {
        status = tacho__msgpack_next(walker, &value) ? take_text(&value, &all->at[i]) : TACHO_DAMAGED;
    }
    return status;
}

/* `number` 0 is the one that stands for all others. */
static tacho_status take_series(tacho__ladder *ladder, const tacho__msgpack *from, uint32_t number) {
    tacho__msgpack_walker walker = tacho__msgpack_walk(from);
    tacho__msgpack total;
    texts all = {0};
    tacho_status status = take_labels(&walker, &all);
    if (status == TACHO_OK && (!tacho__msgpack_next(&walker, &total) || total.type != TACHO__MSGPACK_BIN)) {
        status = TACHO_DAMAGED;
    }
    tacho__ladder_series_state *series = &ladder->series[0];
    if (status == TACHO_OK && number > 0) {
        const tacho__labels labels = {all.at[0], all.at[1], all.at[2], all.at[3], all.at[4], all.at[5]};
        bool failed = false;
        series = tacho__ladder_find(ladder, &labels, &failed);
        status = failed ? TACHO_NOMEM : TACHO_OK;
    }
    if (status == TACHO_OK && (!series || ladder->count != number + 1)) {
        status = TACHO_DAMAGED; /* two of the same labels, or too many */
    }
    free_texts(&all);
    return status == TACHO_OK ? tacho__delta_get(total.bytes, total.length, &series->total) : status;
}

static tacho_status take_all_series(tacho__ladder *ladder, const tacho__msgpack *map) {
    tacho__msgpack list, one;
    if (tacho__msgpack_get_array(map, "series", &list) != TACHO_OK || list.count < 1 ||
        list.count > TACHO__LADDER_ALL) {
        return TACHO_DAMAGED;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(&list);
    tacho_status status = TACHO_OK;
    for (uint32_t i = 0; i < list.count && status == TACHO_OK; ++i) {
        status = tacho__msgpack_next(&walker, &one) ? take_series(ladder, &one, i) : TACHO_DAMAGED;
    }
    return status;
}

/* Every series in the bytes of a step exists, and what it says can be read. `into` >= 0: it is added to the open step.
 */
static tacho_status check_step(tacho__ladder *ladder, const tacho__msgpack *from, int into) {
    const uint8_t *at = from->bytes, *end = at + from->length, *bytes;
    uint64_t series, length;
    while (at < end) {
        if (!tacho__ladder_next(&at, end, &series, &bytes, &length) || series >= ladder->count) {
            return TACHO_DAMAGED;
        }
        tacho__delta scratch = {0};
        tacho__delta *to = into >= 0 ? &ladder->series[series].open[into] : &scratch;
        const tacho_status status = tacho__delta_get(bytes, (size_t)length, to);
        tacho__delta_clear(&scratch);
        if (status != TACHO_OK) {
            return status;
        }
    }
    return TACHO_OK;
}

static tacho_status keep_step(tacho__ladder *ladder, unsigned number, int64_t start_ns, const tacho__msgpack *from) {
    if (from->length == 0) {
        return TACHO_OK;
    }
    uint8_t *bytes = tacho__malloc(from->length);
    if (!bytes) {
        return TACHO_NOMEM;
    }
    memcpy(bytes, from->bytes, from->length);
    tacho__ladder_push(ladder, number, (tacho__ladder_bytes_of_step){start_ns, bytes, (uint32_t)from->length});
    return TACHO_OK;
}

/* The last step is the one that was open. */
static tacho_status take_steps(tacho__ladder *ladder, unsigned number, const tacho__msgpack *list) {
    tacho__ladder_tier *tier = &ladder->tiers[number];
    tacho__msgpack_walker walker = tacho__msgpack_walk(list);
    tacho__msgpack start, bytes;
    tacho_status status = list->count >= 2 && list->count % 2 == 0 ? TACHO_OK : TACHO_DAMAGED;
    for (uint32_t i = 0; i < list->count / 2 && status == TACHO_OK; ++i) {
        const bool open = i + 1 == list->count / 2;
        int64_t at;
        if (!tacho__msgpack_next(&walker, &start) || !tacho__msgpack_next(&walker, &bytes) ||
            tacho__msgpack_as_int(&start, &at) != TACHO_OK || at < 0 || at % tacho__ladder_step(number) != 0 ||
            (at <= tier->open_ns && i > 0) || bytes.type != TACHO__MSGPACK_BIN) {
            return TACHO_DAMAGED;
        }
        tier->open_ns = at;
        status = check_step(ladder, &bytes, open ? (int)number : -1);
        status = status == TACHO_OK && !open ? keep_step(ladder, number, at, &bytes) : status;
    }
    return status;
}

static tacho_status take_tiers(tacho__ladder *ladder, const tacho__msgpack *map) {
    tacho__msgpack list, one, steps;
    if (tacho__msgpack_get_array(map, "tiers", &list) != TACHO_OK || list.count != TACHO__LADDER_TIERS) {
        return TACHO_DAMAGED;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(&list);
    tacho_status status = TACHO_OK;
    for (unsigned i = 0; i < TACHO__LADDER_TIERS && status == TACHO_OK; ++i) {
        int64_t step;
        if (!tacho__msgpack_next(&walker, &one) || tacho__msgpack_get_int(&one, "step_ns", &step) != TACHO_OK ||
            step != tacho__ladder_step(i) ||
            tacho__msgpack_get_int(&one, "since_ns", &ladder->tiers[i].since_ns) != TACHO_OK ||
            tacho__msgpack_get_array(&one, "steps", &steps) != TACHO_OK) {
            return TACHO_DAMAGED;
        }
        status = take_steps(ladder, i, &steps);
    }
    return status;
}

static tacho_status take_gaps(tacho__ladder *ladder, const tacho__msgpack *map) {
    tacho__msgpack list, from, to;
    if (tacho__msgpack_get_array(map, "gaps", &list) != TACHO_OK || list.count > 2 * TACHO__LADDER_GAPS) {
        return TACHO_DAMAGED;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(&list);
    while (tacho__msgpack_next(&walker, &from) && tacho__msgpack_next(&walker, &to)) {
        tacho__ladder_gap *gap = &ladder->gaps[ladder->gap_count++];
        if (tacho__msgpack_as_int(&from, &gap->from_ns) != TACHO_OK ||
            tacho__msgpack_as_int(&to, &gap->to_ns) != TACHO_OK) {
            return TACHO_DAMAGED;
        }
    }
    return TACHO_OK;
}

static tacho_status take(tacho__ladder *ladder, const tacho__msgpack *map) {
    if (tacho__msgpack_get_int(map, "fed_ns", &ladder->fed_ns) != TACHO_OK || ladder->fed_ns < 0 ||
        tacho__msgpack_get_uint(map, "epoch", &ladder->epoch) != TACHO_OK) {
        return TACHO_DAMAGED;
    }
    tacho_status status = take_gaps(ladder, map);
    if (status == TACHO_OK) {
        status = take_all_series(ladder, map);
    }
    return status == TACHO_OK ? take_tiers(ladder, map) : status;
}

tacho_status tacho__ladder_get(const struct tacho__msgpack *map, tacho__ladder **out) {
    uint64_t version;
    *out = NULL;
    if (tacho__msgpack_get_uint(map, "version", &version) != TACHO_OK || version == 0) {
        return TACHO_DAMAGED;
    }
    if (version > VERSION) {
        return TACHO_NEWER;
    }
    tacho__ladder *ladder = tacho__ladder_new();
    if (!ladder) {
        return TACHO_NOMEM;
    }
    const tacho_status status = take(ladder, map);
    if (status != TACHO_OK) {
        tacho__ladder_free(ladder);
        return status;
    }
    tacho__ladder_fit(ladder);
    *out = ladder;
    return TACHO_OK;
}
