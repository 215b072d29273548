/**
 * History: one SQLite file with finished operations, behind a store interface. Never required for recording.
 * Part of `tachograph_io`. A handle belongs to one thread at a time; several processes may write (semantics 36).
 */
#ifndef TACHOGRAPH_HISTORY_H
#define TACHOGRAPH_HISTORY_H

#include <tachograph/collector.h>
#include <tachograph/price.h>
#include <tachograph/snapshot.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tacho_history tacho_history; /* opaque */

#define TACHO_HISTORY_READ_ONLY   1u /* the file must exist; no record of it is changed */
#define TACHO_HISTORY_MAKE_FOLDER 2u /* folders of the path that are missing are made, mode 0700 */

/**
 * Open or create a history file (mode 0600). A file of an older layout is brought up to date, also for a reader; a copy
 * of what it was stays beside it as `path`.layoutN.
 *
 * @return TACHO_OK; TACHO_NOT_FOUND (read-only and missing); TACHO_FOREIGN (not SQLite, or not ours); TACHO_DAMAGED;
 *         TACHO_NEWER (made by a newer version; untouched); TACHO_UNSUPPORTED (older, and no permission to write; or
 * this process was forked while its parent wrote a history); TACHO_DENIED; TACHO_BUSY; TACHO_IO; TACHO_NOMEM
 */
TACHO_API tacho_status tacho_history_open(tacho_history **out, const char *path, uint32_t flags);
TACHO_API void tacho_history_close(tacho_history *history); /* NULL is allowed */
/** English detail of the last failure of this handle (NULL handle: of the last open in this thread); "" if none. */
TACHO_API const char *tacho_history_problem(const tacho_history *history);

/** Add records, one transaction; a record whose (source, source_id) is there already is merged, never added twice. */
TACHO_API tacho_status tacho_history_add(tacho_history *history, const tacho_record_view *records, size_t count);
/** Store what a snapshot knows of finished operations; source = its segment, so adding twice changes nothing. */
TACHO_API tacho_status tacho_history_add_snapshot(tacho_history *history, const tacho_snapshot *snapshot);

#define TACHO_HISTORY_INTERVAL UINT64_C(10000000000) /* nanoseconds between two hand-overs: 10 s */

/**
 * From now on hand the finished operations of a collector to a history file, until it is closed: every `interval_ns`,
 * sooner when a thread has filled half of its ring (0.1 s at the soonest), in tacho_collector_flush, at the last close
 * and at the exit of the process; and soon after tacho_collector_reset. The keeper does it, a thread of the library; it
 * is started here if there is none, and the file is opened there.
 *
 * In a registry one process at a time hands over what all of them recorded, also dead ones; if it dies, another one
 * that asked for history goes on within 6 s. The history belongs to the registry: while somebody keeps one, a different
 * path is ignored and counted (`setting_ignored`). A forked child keeps the history of its parent, unless it was forked
 * in the middle of a transaction that took longer than 0.1 s: then it has none (`history_refused`).
 *
 * A file that cannot be written never stops anybody: that is counted (`history_refused`), and tried again as long as
 * the records are there. Records that were overwritten before (1,024 of each thread are kept) are counted
 * `history_missed`.
 *
 * @param path         made if it is missing, with its folders; NULL = tacho_default_history_path; copied
 * @param interval_ns  0 = TACHO_HISTORY_INTERVAL
 * @return TACHO_OK; TACHO_BUSY (the collector keeps a history already); TACHO_INVALID (an empty path, or one of more
 * than 4,095 bytes); TACHO_NOT_FOUND (no default path); TACHO_NOMEM (also: no thread to be had); TACHO_STOPPED (the
 *         process is exiting); TACHO_UNSUPPORTED (forked in the middle of a transaction)
 */
TACHO_API tacho_status tacho_history_keep(tacho_collector *collector, const char *path, uint64_t interval_ns);
/** The path of the history that is in force for a collector. TACHO_OK; TACHO_NOT_FOUND (it keeps none); TACHO_FULL. */
TACHO_API tacho_status tacho_history_kept(tacho_collector *collector, char *out, size_t size);
/**
 * Let tacho_settings_open keep the history that the settings ask for (`history`, `history_interval`). Once in a
 * process; without it they are told as a problem. What linking to this library does not do by itself.
 */
TACHO_API void tacho_history_follow_settings(void);

/* The same readings as of a snapshot, over all that is stored. */
TACHO_API tacho_status tacho_history_usage(tacho_history *history, const tacho_query *query, tacho_rows **out);
TACHO_API tacho_status tacho_history_records(tacho_history *history, const tacho_query *query, tacho_records **out);
/** session NULL = the newest one. TACHO_OK; TACHO_NO_DATA; TACHO_NOT_FOUND; TACHO_INVALID (a prefix that is not
 * unique). */
TACHO_API tacho_status tacho_history_summary(tacho_history *history, const char *session, tacho_summary **out);
/**
 * Version of the price table that priced what was stored last ("2026-11-21.3f9a01bc"); "" where nothing is priced.
 * Lives until the next call with this handle.
 */
TACHO_API const char *tacho_history_prices(tacho_history *history);
#define TACHO_REPRICE_DRY_RUN 1u /* tell what would change, and change nothing; a read-only history will do */

/** What a repricing found. Costs in pico-USD. */
typedef struct tacho_repricing {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t calls;                  /* records with usage */
    uint64_t changed;                /* of them: another cost, or another state */
    uint64_t reported;               /* of them: kept, because the provider or the caller said what it cost */
    uint64_t parts;                  /* of them: kept, because several models answered and the record holds their sum */
    int64_t before_pusd, after_pusd; /* sums over the changed ones; what is unknown is not in them */
} tacho_repricing;

/** A record as it is stored, and what it costs under the table. Both live until the visit returns. */
typedef void (*tacho_reprice_visit)(void *context, const tacho_record_view *record, const tacho_cost *cost);

/**
 * Price all stored calls again under a table, each by the sheet that holds at its start and in the class of service
 * that is stored with it. Nothing else ever changes a stored cost. All or nothing, in one transaction.
 *
 * @param table  NULL = the built-in table
 * @param flags  TACHO_REPRICE_* bits
 * @param visit  told of every changed record, in the order they were stored; may be NULL
 * @param out    counts; may be NULL
 * @return TACHO_OK; TACHO_INVALID (no history, or a read-only one without DRY_RUN); as tacho_history_add
 */
TACHO_API tacho_status tacho_history_reprice(tacho_history *history, const tacho_price_table *table, uint32_t flags,
                                             tacho_reprice_visit visit, void *context, tacho_repricing *out);
/** Number of stored records. TACHO_OK; else it is unknown, and *out is 0. */
TACHO_API tacho_status tacho_history_count(tacho_history *history, uint64_t *out);

#ifdef __cplusplus
}
#endif
#endif
