/* Keys by their words: what tables group by, and what restricts them. */
#include <stddef.h>
#include <string.h>
#include <tachograph/query.h>

#define TAG "tag:"

static const char *const words[] = {
#define X(name, text) text,
    TACHO_BY_MAP(X)
#undef X
};

const char *tacho_by_text(int by) {
    return by >= 0 && by < TACHO_BY_COUNT ? words[by] : "";
}

/* The name behind `tag:`; NULL where there is none. */
static const char *tag_name(const char *key) {
    const size_t length = sizeof TAG - 1;
    return key && strncmp(key, TAG, length) == 0 && key[length] != '\0' ? key + length : NULL;
}

tacho_status tacho_by_parse(const char *text, tacho_by *out) {
    if (tag_name(text)) {
        *out = TACHO_BY_TAG;
        return TACHO_OK;
    }
    for (int i = 0; text && i < TACHO_BY_COUNT; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = (tacho_by)i;
            return TACHO_OK;
        }
    }
    return TACHO_NOT_FOUND;
}

static tacho_status add_tag(tacho_query *query, const char *name) {
    for (uint32_t i = 0; i < query->by_tag_count; i++) {
        if (strcmp(query->by_tags[i], name) == 0) {
            return TACHO_OK;
        }
    }
    if (query->by_tag_count == TACHO_TAGS_MAX) {
        return TACHO_LIMIT;
    }
    query->by_tags[query->by_tag_count++] = name;
    return TACHO_OK;
}

tacho_status tacho_query_by_also(tacho_query *query, const char *key) {
    tacho_by by;
    tacho_status status = tacho_by_parse(key, &by);
    if (status == TACHO_OK && by == TACHO_BY_TAG) {
        status = add_tag(query, tag_name(key));
    }
    if (status == TACHO_OK) {
        query->by_also |= TACHO_BY_BIT(by);
    }
    return status;
}

tacho_status tacho_query_by(tacho_query *query, const char *key) {
    tacho_by by;
    const tacho_status status = tacho_by_parse(key, &by);
    if (status != TACHO_OK) {
        return status;
    }
    query->by = by;
    query->by_also = 0;
    query->by_tag_count = 0;
    return by == TACHO_BY_TAG ? add_tag(query, tag_name(key)) : TACHO_OK;
}

static const struct {
    const char *word;
    size_t offset; /* of its text in a query */
} limits[] = {{"session", offsetof(tacho_query, session)},
              {"model", offsetof(tacho_query, model)},
              {"provider", offsetof(tacho_query, provider)},
              {"operation", offsetof(tacho_query, operation)},
              {"tool", offsetof(tacho_query, tool)}};
#define LIMITS (sizeof limits / sizeof *limits)

const char *const *tacho_query_where_keys(size_t *count) {
    static const char *const keys[] = {"session", "model", "provider", "operation", "tool", "tag:NAME"};
    *count = sizeof keys / sizeof *keys;
    return keys;
}

tacho_status tacho_query_where(tacho_query *query, const char *key, const char *value) {
    const char *name = tag_name(key);
    if (name && query->tag_count == TACHO_TAGS_MAX) {
        return TACHO_LIMIT;
    }
    if (name) {
        query->tags[query->tag_count++] = (tacho_tag){name, value};
        return TACHO_OK;
    }
    for (size_t i = 0; key && i < LIMITS; i++) {
        if (strcmp(limits[i].word, key) == 0) {
            memcpy((char *)query + limits[i].offset, &value, sizeof value);
            return TACHO_OK;
        }
    }
    return TACHO_NOT_FOUND;
}
