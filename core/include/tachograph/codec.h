/**
 * Bytes and text of what was read. Every writer hands its output to a callback in pieces; nothing here opens files but
 * tacho_save and tacho_load.
 */
#ifndef TACHOGRAPH_CODEC_H
#define TACHOGRAPH_CODEC_H

#include <tachograph/snapshot.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Formats by name. X(ENUM, word) */
#define TACHO_FORMAT_MAP(X)                                                                                            \
    X(TABLE, "table")                                                                                                  \
    X(PLAIN, "plain") X(JSON, "json") X(JSONL, "jsonl") X(CSV, "csv") X(MSGPACK, "msgpack") X(TEXT, "text")
typedef enum tacho_format {
#define X(name, text) TACHO_FORMAT_##name,
    TACHO_FORMAT_MAP(X)
#undef X
        TACHO_FORMAT_COUNT
} tacho_format;
TACHO_API const char *tacho_format_text(int format);
TACHO_API tacho_status tacho_format_parse(const char *text, tacho_format *out);

/** Receives output in order. Return 0 to go on, anything else to stop (the writer then returns TACHO_STOPPED). */
typedef int (*tacho_sink)(void *context, const char *bytes, size_t length);

typedef struct tacho_style {
    uint32_t struct_size;
    uint32_t width;          /* columns; 0 = 80. Columns are dropped or stacked, a number is never cut */
    uint32_t color;          /* != 0: ANSI colours */
    uint32_t ascii;          /* != 0: no characters outside ASCII */
    const tacho_zone *zone;  /* for times shown to people; NULL = UTC */
    const char *query_json;  /* a JSON object for "query" of the envelope; NULL = {} */
    int64_t generated_at_ns; /* for "generated_at"; 0 leaves the field out */
} tacho_style;
#define TACHO_STYLE_INIT                                                                                               \
    { sizeof(tacho_style), 0, 0, 0, NULL, NULL, 0 }

/**
 * Write rows as table, plain, json (one envelope {"schema","generated_at","query","rows","totals","warnings"}), jsonl
 * or csv.
 *
 * JSON and CSV hold exact decimals, unknown is null or an empty cell; CSV is RFC 4180 with CRLF. A table shows the
 * columns that people look for and that tell something about these rows; warnings are not in it, they are the caller's
 * to show.
 *
 * @param schema  for JSON, as "tacho.usage/1", which is also what NULL means
 * @param fields  NULL-terminated names of tacho_row fields, in order; NULL = the grouping keys and the usage columns of
 *                faces section 4 (a table: the columns that people look for)
 * @return TACHO_OK; TACHO_UNSUPPORTED (format); TACHO_INVALID (a name is no field, or query_json is not JSON);
 *         TACHO_STOPPED; TACHO_NOMEM
 */
TACHO_API tacho_status tacho_write_rows(const tacho_rows *rows, tacho_format format, const char *schema,
                                        const char *const *fields, const tacho_style *style, tacho_sink sink,
                                        void *context);
/**
 * Write a summary as table or text (the screen for people), json (schema "tacho.summary/1": one row with the scalars,
 * `data_quality`, `tools`, `models` and `slowest`; the scalars again as totals), jsonl (that row) or csv (one line).
 * Text, and the last two cells of csv (as JSON), also have the caches and metrics of a summary that is not of a
 * session. Results as tacho_write_rows.
 */
TACHO_API tacho_status tacho_write_summary(const tacho_summary *summary, tacho_format format, const tacho_style *style,
                                           tacho_sink sink, void *context);
/**
 * Write caches (schema "tacho.caches/1", with totals) or series of custom metrics ("tacho.metrics/1") as table, text,
 * plain, json, jsonl or csv. Results as tacho_write_rows.
 */
TACHO_API tacho_status tacho_write_caches(const tacho_cache_rows *rows, tacho_format format, const tacho_style *style,
                                          tacho_sink sink, void *context);
TACHO_API tacho_status tacho_write_metrics(const tacho_metric_rows *rows, tacho_format format, const tacho_style *style,
                                           tacho_sink sink, void *context);
/**
 * Write records: csv is one row per step with the columns step,duration,tokens,cost,tool,success and further columns
 * after these (without a step among the records one row per operation that is no tool call); json (schema
 * "tacho.records/1"), jsonl, table (a tree by parent, nested by indentation; the slowest as they stand, each by
 * itself). In csv and in the tree the tokens and the cost of an operation include everything inside it. Results as
 * tacho_write_rows.
 */
TACHO_API tacho_status tacho_write_records(const tacho_records *records, tacho_format format, const tacho_style *style,
                                           tacho_sink sink, void *context);
/** The same for system numbers: a few lines for people, json (schema "tacho.system/1"), jsonl, csv. */
TACHO_API tacho_status tacho_write_system(const tacho_system *system, tacho_format format, const tacho_style *style,
                                          tacho_sink sink, void *context);
/**
 * Write a whole snapshot: json (schema "tacho.snapshot/1": summary, operations, tools, providers, models, sessions,
 * slowest; two snapshots with equal numbers give equal bytes), msgpack (core/FORMAT.md "Snapshot file"), text (= the
 * summary), csv
 * (= its steps). A session that nobody named stands in JSON without its random id. Results as tacho_write_rows.
 */
TACHO_API tacho_status tacho_export(const tacho_snapshot *snapshot, tacho_format format, const tacho_style *style,
                                    tacho_sink sink, void *context);

/** Read MessagePack made by tacho_export. Hostile bytes are harmless. TACHO_OK; TACHO_DAMAGED; TACHO_FOREIGN;
 * TACHO_NEWER; TACHO_LIMIT; TACHO_NOMEM. */
TACHO_API tacho_status tacho_snapshot_decode(const void *bytes, size_t length, tacho_snapshot **out);

/**
 * Save to a file: `.json` writes the JSON export with the MessagePack bytes in base64 under the key "snapshot",
 * anything else MessagePack. Written beside, then renamed; mode 0600. An existing file that is neither empty nor a
 * snapshot is left alone: TACHO_FOREIGN.
 *
 * @return TACHO_OK; TACHO_IO (errno is kept); TACHO_FOREIGN; TACHO_NOMEM
 */
TACHO_API tacho_status tacho_save(const tacho_snapshot *snapshot, const char *path);
/**
 * Load a file that tacho_save made, of either form, or the folder of a registry (tacho_snapshot_attach). A file is
 * not touched.
 *
 * @return as tacho_snapshot_decode (TACHO_FOREIGN also for a pipe or a device, which is not waited for), and TACHO_IO,
 *         TACHO_NOT_FOUND, TACHO_DENIED (errno is kept); for a registry as tacho_snapshot_attach, but TACHO_IO with
 *         EISDIR for a folder that is none
 */
TACHO_API tacho_status tacho_load(const char *path, tacho_snapshot **out);

#ifdef __cplusplus
}
#endif
#endif
