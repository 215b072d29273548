#include "price/response.h"

#include "base/decimal.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/money.h"

#include <string.h>

static const tacho__dialect_row *row_of(const tacho_response *response, uint16_t row) {
    return &response->dialect->rows[row];
}

static tacho__slots *slots_of(tacho_response *response) {
    return response->item >= 0 ? &response->items[response->item] : &response->top;
}

/* ---------------------------------------------------------------------------------------------------------- scalars */

/* A count as its text: fractions are rounded, what is too large is clamped; both are told. */
static bool read_count(const char *text, size_t length, unsigned digits, int64_t *value, uint32_t *faults) {
    tacho_status status = tacho__decimal_parse(text, length, digits, TACHO__DECIMAL_EXACT, value);
    if (status == TACHO_LIMIT) {
        status = tacho__decimal_parse(text, length, digits, TACHO__DECIMAL_HALF_EVEN, value);
        *faults |= status == TACHO_LIMIT ? TACHO_USAGE_FAULT_TOO_LARGE : TACHO_USAGE_FAULT_FRACTIONAL;
    }
    if (status == TACHO_LIMIT) {
        *value = text[0] == '-' ? -1 : TACHO_COUNT_MAX;
        status = TACHO_OK;
    }
    if (status != TACHO_OK) {
        *faults |= TACHO_USAGE_FAULT_NOT_A_NUMBER;
        return false;
    }
    if (*value < 0) {
        *faults |= TACHO_USAGE_FAULT_NEGATIVE;
        *value = 0;
    } else if (*value > TACHO_COUNT_MAX) {
        *faults |= TACHO_USAGE_FAULT_TOO_LARGE;
        *value = TACHO_COUNT_MAX;
    }
    return true;
}

static bool read_number(const tacho__dialect_row *row, const char *text, size_t length, int64_t *value,
                        uint32_t *faults) {
    if (row->target == TACHO__TARGET_COST || row->target == TACHO__TARGET_UPSTREAM) {
        return tacho__money_parse_rounded(text, length, value) == TACHO_OK && *value >= 0;
    }
    const tacho_unit_info *unit = tacho_unit_describe(row->target);
    return read_count(text, length, unit && unit->scale == 1000 ? 3 : 0, value, faults);
}

/* Elements of arrays add up within a document; everything else is the last value that was not null. */
static void put_value(tacho_response *response, uint16_t row, int64_t value) {
    tacho__slots *slots = slots_of(response);
    bool adds = response->item < 0 && strchr(row_of(response, row)->path, '[') != NULL && (slots->present >> row & 1) &&
                slots->documents[row] == response->document;
    if (adds && value > TACHO_COUNT_MAX - slots->values[row]) {
        slots->faults |= TACHO_USAGE_FAULT_TOO_LARGE;
        value = TACHO_COUNT_MAX - slots->values[row];
    }
    slots->values[row] = adds ? slots->values[row] + value : value;
    slots->present |= UINT64_C(1) << row;
    slots->documents[row] = response->document;
}

void tacho__response_number(tacho_response *response, uint16_t row, const char *text, size_t length) {
    int64_t value;
    uint8_t target = row_of(response, row)->target;
    if ((target >= TACHO__TARGET_MODEL && target < TACHO__TARGET_TEXTS_END) || target >= TACHO__TARGET_QUERY) {
        return;
    }
    if (read_number(row_of(response, row), text, length, &value, &slots_of(response)->faults)) {
        put_value(response, row, value);
    }
}

void tacho__response_boolean(tacho_response *response, uint16_t row, bool value) {
    uint8_t target = row_of(response, row)->target;
    if (target == TACHO__TARGET_BYOK || target == TACHO__TARGET_INCLUSIVE) {
        put_value(response, row, value);
    }
}

/* Over a whole stream, whose events may repeat what was searched for. Beyond the limit nothing is counted any more. */
static void count_query(tacho_response *response, const char *text, size_t length) {
    uint64_t hash = tacho__hash(text, length, 0);
    uint32_t i = 0;
    while (i < response->query_count && response->queries[i] != hash) {
        i++;
    }
    if (length > 0 && i == response->query_count && i < TACHO__QUERIES_MAX) {
        response->queries[response->query_count++] = hash;
    }
}

void tacho__response_text(tacho_response *response, uint16_t row, const char *text, size_t length) {
    uint8_t target = row_of(response, row)->target;
    tacho__slots *slots = slots_of(response);
    if (target == TACHO__TARGET_QUERY) {
        count_query(response, text, length);
        return;
    }
    if (target == TACHO__TARGET_FALLBACK || target == TACHO__TARGET_DELTA) {
        const char *word = target == TACHO__TARGET_FALLBACK ? "fallback_message" : "message_delta";
        put_value(response, row, length == strlen(word) && memcmp(text, word, length) == 0);
        return;
    }
    if (target < TACHO__TARGET_MODEL) {
        slots->faults |= TACHO_USAGE_FAULT_NOT_A_NUMBER;
        return;
    }
    if (target == TACHO__TARGET_COST || target == TACHO__TARGET_UPSTREAM) {
        tacho__response_number(response, row, text, length); /* amounts are met as text too */
        return;
    }
    if (target >= TACHO__TARGET_TEXTS_END) {
        return;
    }
    size_t room = TACHO_RESPONSE_STRING_MAX - 1;
    size_t kept = length < room ? length : room;
    char *out = slots->texts[target - TACHO__TARGET_MODEL];
    memcpy(out, text, kept);
    out[kept] = 0;
    slots->has_text |= 1u << (target - TACHO__TARGET_MODEL);
    slots->present |= UINT64_C(1) << row;
}

bool tacho__response_item(tacho_response *response) {
    if (!response->items) {
        response->items = tacho__calloc(TACHO_RESPONSE_PARTS_MAX, sizeof *response->items);
        if (!response->items) {
            response->failed = true;
            return false;
        }
    }
    if (response->item_document != response->document) {
        response->item_document = response->document;
        response->item_count = 0;
    }
    if (response->item_count == TACHO_RESPONSE_PARTS_MAX) {
        response->top.faults |= TACHO_USAGE_FAULT_TOO_MANY_PARTS;
        return false;
    }
    response->item = (int32_t)response->item_count++;
    tacho__slots *slots = &response->items[response->item];
    slots->present = 0;
    slots->faults = slots->has_text = 0;
    return true;
}

/* ----------------------------------------------------------------------------------------------------------- events */

void tacho__response_begin(tacho_response *response, const tacho_dialect *dialect) {
    tacho__walker *w = &response->walker;
    response->dialect = dialect;
    response->document++;
    response->item = -1;
    w->trie = tacho__dialect_trie(dialect);
    w->depth = 0;
    w->next = 0;
    w->pending.node = TACHO__TRIE_NONE;
}

static uint16_t child_of_kind(tacho__trie trie, uint16_t node, tacho__trie_kind kind) {
    if (node == TACHO__TRIE_NONE) {
        return node;
    }
    uint16_t at = trie.nodes[node].first;
    while (at != TACHO__TRIE_NONE && trie.nodes[at].kind != kind) {
        at = trie.nodes[at].next;
    }
    return at;
}

static bool in_pending(const tacho__walker *w) {
    return w->pending.node != TACHO__TRIE_NONE && w->pending.depth == w->depth;
}

/* Node of the value that begins now. */
static uint16_t take_node(tacho__walker *w) {
    if (w->depth == 0) {
        return 0;
    }
    if (w->frames[w->depth].is_array) {
        uint16_t item = child_of_kind(w->trie, w->frames[w->depth].node, TACHO__TRIE_ITEM);
        return item != TACHO__TRIE_NONE ? item : child_of_kind(w->trie, w->frames[w->depth].node, TACHO__TRIE_EACH);
    }
    uint16_t node = w->next;
    w->next = TACHO__TRIE_NONE;
    return node;
}

static tacho_status on_begin(tacho_response *response, bool is_array) {
    tacho__walker *w = &response->walker;
    uint16_t array = w->depth && w->frames[w->depth].is_array ? w->frames[w->depth].node : TACHO__TRIE_NONE;
    uint16_t node = take_node(w);
    if (w->depth == TACHO_RESPONSE_DEPTH_MAX) {
        return TACHO_LIMIT;
    }
    bool item = array != TACHO__TRIE_NONE && node != TACHO__TRIE_NONE && !is_array &&
                w->trie.nodes[node].kind == TACHO__TRIE_ITEM;
    if (item && !tacho__response_item(response)) {
        node = TACHO__TRIE_NONE;
        item = false;
    }
    w->frames[++w->depth] = (tacho__frame){node, is_array, item};
    bool matching = !is_array && child_of_kind(w->trie, array, TACHO__TRIE_MATCH) != TACHO__TRIE_NONE;
    if (matching && w->pending.node == TACHO__TRIE_NONE) {
        w->pending = (tacho__pending){.node = array, .depth = (uint8_t)w->depth};
    }
    return TACHO_OK;
}

static void apply_pending(tacho_response *response) {
    tacho__walker *w = &response->walker;
    tacho__pending *p = &w->pending;
    for (uint16_t at = w->trie.nodes[p->node].first; at != TACHO__TRIE_NONE; at = w->trie.nodes[at].next) {
        const tacho__trie_node *node = &w->trie.nodes[at];
        if (node->kind != TACHO__TRIE_MATCH || node->match_length != p->match_length ||
            memcmp(node->match, p->match, p->match_length) != 0) {
            continue;
        }
        for (uint8_t i = 0; i < p->count; i++) {
            uint16_t leaf = tacho__trie_key(w->trie, at, p->members[i].key, p->members[i].key_length);
            if (leaf != TACHO__TRIE_NONE && w->trie.nodes[leaf].row != TACHO__TRIE_NONE) {
                tacho__response_number(response, w->trie.nodes[leaf].row, p->members[i].number,
                                       p->members[i].number_length);
            }
        }
    }
    p->node = TACHO__TRIE_NONE;
}

static tacho_status on_end(tacho_response *response) {
    tacho__walker *w = &response->walker;
    if (w->depth == 0) {
        return TACHO_INVALID;
    }
    if (in_pending(w)) {
        apply_pending(response);
    }
    if (w->frames[w->depth].is_item) {
        response->item = -1;
    }
    w->depth--;
    w->next = TACHO__TRIE_NONE;
    return TACHO_OK;
}

static void on_key(tacho__walker *w, const char *text, size_t length) {
    uint16_t node = w->depth ? w->frames[w->depth].node : TACHO__TRIE_NONE;
    w->next = node == TACHO__TRIE_NONE ? node : tacho__trie_key(w->trie, node, text, length);
    w->key_length = (uint8_t)(length <= sizeof w->key ? length : 0);
    memcpy(w->key, text, w->key_length);
}

/* A scalar member of an element that waits for the member which says what it is. */
static void keep_pending(tacho__walker *w, tacho__json_event event, const char *text, size_t length) {
    tacho__pending *p = &w->pending;
    uint16_t first = child_of_kind(w->trie, p->node, TACHO__TRIE_MATCH);
    const tacho__trie_node *node = &w->trie.nodes[first];
    if (event == TACHO__JSON_STRING && w->key_length == node->key_length &&
        memcmp(w->key, node->key, node->key_length) == 0) {
        p->match_length = (uint8_t)(length <= sizeof p->match ? length : 0);
        memcpy(p->match, text, p->match_length);
    } else if (event == TACHO__JSON_NUMBER && p->count < TACHO__PENDING_MAX && w->key_length &&
               length <= sizeof p->members[0].number) {
        uint8_t at = p->count++;
        p->members[at].key_length = w->key_length;
        memcpy(p->members[at].key, w->key, w->key_length);
        p->members[at].number_length = (uint8_t)length;
        memcpy(p->members[at].number, text, length);
    }
}

static void on_scalar(tacho_response *response, tacho__json_event event, const char *text, size_t length) {
    tacho__walker *w = &response->walker;
    if (in_pending(w)) {
        keep_pending(w, event, text, length);
        return;
    }
    uint16_t node = take_node(w);
    uint16_t row = node == TACHO__TRIE_NONE ? node : w->trie.nodes[node].row;
    if (row == TACHO__TRIE_NONE) {
        return;
    }
    if (event == TACHO__JSON_NUMBER) {
        tacho__response_number(response, row, text, length);
    } else if (event == TACHO__JSON_STRING) {
        tacho__response_text(response, row, text, length);
    } else if (event != TACHO__JSON_NULL) {
        tacho__response_boolean(response, row, event == TACHO__JSON_TRUE);
    }
}

tacho_status tacho__response_event(tacho_response *response, tacho__json_event event, const char *text, size_t length) {
    switch (event) {
    case TACHO__JSON_OBJECT_BEGIN:
    case TACHO__JSON_ARRAY_BEGIN:
        return on_begin(response, event == TACHO__JSON_ARRAY_BEGIN);
    case TACHO__JSON_OBJECT_END:
    case TACHO__JSON_ARRAY_END:
        return on_end(response);
    case TACHO__JSON_KEY:
        on_key(&response->walker, text, length);
        return TACHO_OK;
    default:
        on_scalar(response, event, text, length);
        return TACHO_OK;
    }
}
