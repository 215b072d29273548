/**
 * What a table is about: keys to group by, operations to count, a period, a time zone. The same query is asked of a
 * snapshot (tachograph/snapshot.h) and of a history (tachograph/history.h). Plain values; any thread.
 */
#ifndef TACHOGRAPH_QUERY_H
#define TACHOGRAPH_QUERY_H

#include <tachograph/record.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a table groups by. X(ENUM, word) */
#define TACHO_BY_MAP(X)                                                                                                \
    X(MODEL, "model")                                                                                                  \
    X(PROVIDER, "provider")                                                                                            \
    X(SESSION, "session")                                                                                              \
    X(DAY, "day") X(TOOL, "tool") X(OPERATION, "operation") X(KIND, "kind") X(TOTAL, "total") X(TAG, "tag:NAME")
typedef enum tacho_by {
#define X(name, text) TACHO_BY_##name,
    TACHO_BY_MAP(X)
#undef X
        TACHO_BY_COUNT
} tacho_by;
#define TACHO_BY_BIT(by) (1u << (by)) /* for by_also */
TACHO_API const char *tacho_by_text(int by);
/** TACHO_OK; TACHO_NOT_FOUND. `tag:` and any name is TACHO_BY_TAG. */
TACHO_API tacho_status tacho_by_parse(const char *text, tacho_by *out);

/** A time zone, given by the caller: the library reads no zone files and never touches TZ. */
typedef struct tacho_zone {
    uint32_t struct_size;
    uint32_t reserved;
    const char *name;                                         /* shown beside times and days */
    int32_t (*offset_s)(void *context, int64_t unix_seconds); /* seconds east of UTC at that instant */
    void *context;
} tacho_zone;

/** Which operations a table counts. */
typedef enum tacho_kinds {
    TACHO_KINDS_USUAL, /* tables by tool: kind tool only; by operation: all but kind tool; by both or by kind: all; any
                          other table: as TACHO_KINDS_CALLS, unless the query names a tool or an operation */
    TACHO_KINDS_ALL,   /* but by tool or operation: as above */
    TACHO_KINDS_CALLS  /* model calls: kinds llm and embedding, and whatever else booked usage or a cost of its own; by
                          operation they stand under its name, whatever kinds it had */
} tacho_kinds;

/** What of the recorded operations a table is about. Zero fields do not restrict. */
typedef struct tacho_query {
    uint32_t struct_size;
    uint32_t by;            /* tacho_by */
    int64_t since_ns;       /* Unix time, inclusive, compared with the end of the operation; 0 = no bound */
    int64_t until_ns;       /* exclusive; 0 = no bound */
    const tacho_zone *zone; /* for days; NULL = UTC */
    const char *session;    /* id or a prefix of at least 4 bytes that is unique */
    const char *model, *provider, *operation, *tool; /* exact */
    uint32_t limit;                                  /* rows or records; 0 = all */
    uint32_t all_kinds;                              /* tacho_kinds */
    uint32_t by_also;                                /* TACHO_BY_BIT of further grouping keys; 0 = none */
    uint32_t by_tag_count, tag_count;
    uint32_t reserved;
    const char *by_tags[TACHO_TAGS_MAX]; /* with TACHO_BY_TAG: names of the tags to group by, at least one */
    tacho_tag tags[TACHO_TAGS_MAX];      /* exact; a value of NULL or "" = operations without this tag */
} tacho_query;
#define TACHO_QUERY_INIT                                                                                               \
    {                                                                                                                  \
        sizeof(tacho_query), 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, {NULL}, {                  \
            { NULL, NULL }                                                                                             \
        }                                                                                                              \
    }

/**
 * Groups a query by this key alone: a word of TACHO_BY_MAP, or `tag:` and the name of a declared tag. Names are not
 * looked up: a tag that nothing was recorded with gives one row, of all operations. `key` has to live as long as the
 * query.
 *
 * @return TACHO_OK; TACHO_NOT_FOUND (no such key; the query is as before)
 */
TACHO_API tacho_status tacho_query_by(tacho_query *query, const char *key);
/** The same beside the keys that it has. Also TACHO_LIMIT (a tag beyond TACHO_TAGS_MAX). */
TACHO_API tacho_status tacho_query_by_also(tacho_query *query, const char *key);
/** Restricts a query: `key` is session, model, provider, operation, tool or `tag:` and a name. As tacho_query_by_also;
 * both texts have to live as long as the query. */
TACHO_API tacho_status tacho_query_where(tacho_query *query, const char *key, const char *value);
/** Words that tacho_query_where takes: the last one is "tag:NAME". Static storage. */
TACHO_API const char *const *tacho_query_where_keys(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
