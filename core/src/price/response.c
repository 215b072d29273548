#include "price/response.h"

#include "base/memory.h"
#include "price/dialect_rows.h"

#include <stddef.h>
#include <string.h>

tacho_status tacho_response_create(tacho_response **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = tacho__calloc(1, sizeof **out);
    if (!*out) {
        return TACHO_NOMEM;
    }
    tacho__json_limits limits = {TACHO_RESPONSE_DEPTH_MAX, TACHO_RESPONSE_BYTES_MAX, TACHO__JSON_UTF8_REPLACE, 0};
    (*out)->reader = tacho__json_reader_new(&limits);
    if (!(*out)->reader) {
        tacho__free(*out);
        *out = NULL;
        return TACHO_NOMEM;
    }
    tacho_response_clear(*out);
    return TACHO_OK;
}

void tacho_response_free(tacho_response *response) {
    if (response) {
        tacho__json_reader_free(response->reader);
        tacho__free(response->items);
        tacho__free(response);
    }
}

void tacho_response_clear(tacho_response *response) {
    response->dialect = NULL;
    response->document = 0;
    response->top.present = 0;
    response->top.faults = response->top.has_text = 0;
    response->item_count = response->item_document = 0;
    response->item = -1;
    response->usage_count = 0;
    response->query_count = 0;
    response->faults = 0;
    response->failed = false;
}

/* ------------------------------------------------------------------------------------------------------- fingerprints
 */

/* Keys of the first two levels, while they pass by. */
typedef struct detector {
    uint32_t depth;
    uint32_t array_depth; /* outermost open array; keys inside it do not count; 0 = none */
    char parent[32];
    uint8_t parent_length;
    char key[32];
    uint8_t key_length;
    tacho__fingerprint waiting; /* of the key whose value has not come: null does not count */
    tacho__fingerprint seen;
} detector;

static void on_detector_key(detector *d, const char *text, size_t length) {
    d->waiting = 0;
    if (d->depth == 1) {
        d->key_length = (uint8_t)(length <= sizeof d->key ? length : 0);
        memcpy(d->key, text, d->key_length);
        d->waiting = tacho__fingerprint_key("", 0, text, length);
    } else if (d->depth == 2 && !d->array_depth) {
        d->waiting = tacho__fingerprint_key(d->parent, d->parent_length, text, length);
    }
}

static tacho_status detect(void *context, tacho__json_event event, const char *text, size_t length) {
    detector *d = context;
    switch (event) {
    case TACHO__JSON_KEY:
        on_detector_key(d, text, length);
        return TACHO_OK;
    case TACHO__JSON_OBJECT_END:
    case TACHO__JSON_ARRAY_END:
        d->depth--;
        d->array_depth = d->depth < d->array_depth ? 0 : d->array_depth;
        return TACHO_OK;
    case TACHO__JSON_OBJECT_BEGIN:
    case TACHO__JSON_ARRAY_BEGIN:
        d->depth++;
        if (event == TACHO__JSON_ARRAY_BEGIN && !d->array_depth) {
            d->array_depth = d->depth;
        }
        if (d->depth == 2) {
            d->parent_length = d->key_length;
            memcpy(d->parent, d->key, d->key_length);
        }
        break;
    default:
        break;
    }
    d->seen |= event == TACHO__JSON_NULL ? 0 : d->waiting;
    d->waiting = 0;
    return TACHO_OK;
}

/* The dialect to read with: given, or that of the stream so far, or by fingerprint, else our own names. */
static const tacho_dialect *chosen(const tacho_response *response, const tacho_dialect *given, tacho__fingerprint seen,
                                   const char *provider) {
    if (given) {
        return given;
    }
    const tacho_dialect *found = tacho__dialect_choose(seen, provider);
    if (found) {
        return found;
    }
    return response->dialect ? response->dialect : &tacho__dialects[TACHO__DIALECT_OWN];
}

static bool is_needed(const tacho_response *response, const tacho_dialect *given) {
    return !given && (!response->dialect || response->dialect == &tacho__dialects[TACHO__DIALECT_OWN]);
}

/* A stream whose first events said nothing has no values to keep when its dialect becomes known. */
static void change_dialect(tacho_response *response, const tacho_dialect *dialect) {
    if (response->dialect && response->dialect != dialect) {
        response->top.present = 0;
        response->item_count = 0;
    }
}

/* ------------------------------------------------------------------------------------------------------------ reading
 */

static tacho_status forward(void *context, tacho__json_event event, const char *text, size_t length) {
    return tacho__response_event(context, event, text, length);
}

static tacho_status fail(tacho_response *response, tacho_status status) {
    response->usage_count = 0;
    return status;
}

/* A list of events: each object in it is an event of its own, what is no object is nothing. */
typedef struct list {
    tacho__json_handler next;
    void *context;
    tacho_response *begins; /* NULL = only looked at */
    const tacho_dialect *dialect;
    uint32_t depth;
} list;

static tacho_status each_of_list(void *context, tacho__json_event event, const char *text, size_t length) {
    list *l = context;
    bool begin = event == TACHO__JSON_OBJECT_BEGIN || event == TACHO__JSON_ARRAY_BEGIN;
    bool end = event == TACHO__JSON_OBJECT_END || event == TACHO__JSON_ARRAY_END;
    l->depth -= end;
    uint32_t depth = l->depth;
    l->depth += begin;
    if (depth == 0 || (depth == 1 && !begin && !end)) {
        return TACHO_OK;
    }
    if (depth == 1 && begin && l->begins) {
        tacho__response_begin(l->begins, l->dialect);
    }
    return l->next(l->context, event, text, length);
}

static tacho_status read_events(tacho_response *response, const char *text, size_t length, tacho__json_handler next,
                                void *context, const tacho_dialect *dialect) {
    size_t at = 0;
    while (at < length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n')) {
        at++;
    }
    if (at < length && text[at] == '[') {
        list l = {next, context, dialect ? response : NULL, dialect, 0};
        return tacho__json_read(response->reader, text, length, each_of_list, &l);
    }
    if (dialect) {
        tacho__response_begin(response, dialect);
    }
    return tacho__json_read(response->reader, text, length, next, context);
}

tacho_status tacho_response_fold_json(tacho_response *response, const tacho_dialect *dialect, const char *provider,
                                      const char *text, size_t length) {
    if (!response || !text) {
        return TACHO_INVALID;
    }
    detector d = {0};
    const bool needed = is_needed(response, dialect);
    if (needed) {
        tacho_status status = read_events(response, text, length, detect, &d, NULL);
        if (status != TACHO_OK) {
            return fail(response, status);
        }
    }
    const tacho_dialect *use = needed    ? chosen(response, dialect, d.seen, provider)
                               : dialect ? dialect
                                         : response->dialect;
    change_dialect(response, use);
    response->dialect = use;
    tacho_status status = read_events(response, text, length, forward, response, use);
    return status == TACHO_OK ? tacho__response_settle(response) : fail(response, status);
}

/* The i-th event of a value that is a list of events, or the value itself; false after the last. */
static bool event_at(const tacho_value_source *source, size_t index, tacho_value_source *out, bool *held) {
    *out = *source;
    *held = source->kind(source->context, source->root) == TACHO_VALUE_ARRAY;
    if (!*held) {
        return index == 0;
    }
    if (index >= source->length(source->context, source->root)) {
        return false;
    }
    if (!source->get_index(source->context, source->root, index, &out->root)) {
        *held = false;
        out->root = source->root; /* a list: nothing is found in it */
    }
    return true;
}

tacho_status tacho_response_fold(tacho_response *response, const tacho_dialect *dialect, const char *provider,
                                 const tacho_value_source *source) {
    if (!response || !source || source->struct_size < offsetof(tacho_value_source, each)) {
        return TACHO_INVALID;
    }
    tacho_value_source event;
    bool held, needed = is_needed(response, dialect);
    tacho__fingerprint seen = 0;
    for (size_t i = 0; needed && event_at(source, i, &event, &held); i++) {
        seen |= tacho__response_pull_fingerprint(&event);
        if (held) {
            source->release(source->context, event.root);
        }
    }
    const tacho_dialect *use = needed    ? chosen(response, dialect, seen, provider)
                               : dialect ? dialect
                                         : response->dialect;
    change_dialect(response, use);
    response->dialect = use;
    for (size_t i = 0; event_at(source, i, &event, &held); i++) {
        tacho__response_begin(response, use);
        tacho__response_pull(response, &event);
        if (held) {
            source->release(source->context, event.root);
        }
    }
    return tacho__response_settle(response);
}

tacho_status tacho_response_read_json(tacho_response *response, const tacho_dialect *dialect, const char *provider,
                                      const char *text, size_t length) {
    if (!response) {
        return TACHO_INVALID;
    }
    tacho_response_clear(response);
    return tacho_response_fold_json(response, dialect, provider, text, length);
}

tacho_status tacho_response_read(tacho_response *response, const tacho_dialect *dialect, const char *provider,
                                 const tacho_value_source *source) {
    if (!response) {
        return TACHO_INVALID;
    }
    tacho_response_clear(response);
    return tacho_response_fold(response, dialect, provider, source);
}

size_t tacho_response_parts(const tacho_response *response) {
    return response ? response->usage_count : 0;
}

const tacho_usage *tacho_response_usage(const tacho_response *response, size_t index) {
    return response && index < response->usage_count ? &response->usages[index] : NULL;
}

const tacho_dialect *tacho_response_dialect(const tacho_response *response) {
    bool own = !response || !response->dialect || response->dialect == &tacho__dialects[TACHO__DIALECT_OWN];
    return own ? NULL : response->dialect;
}

uint32_t tacho_response_faults(const tacho_response *response) {
    return response ? response->faults : 0;
}
