/** Importing the logs of agents into history. Part of `tachograph_io`. Sources are read only. */
#ifndef TACHOGRAPH_INGEST_H
#define TACHOGRAPH_INGEST_H

#include <tachograph/history.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A line that could not be read, or another thing a person should hear of. Strings live during the call only. */
typedef struct tacho_import_problem {
    uint32_t struct_size;
    uint32_t line; /* 1-based; 0 = the whole file */
    const char *file;
    const char *what; /* English, without full stop */
} tacho_import_problem;

typedef struct tacho_import_counts {
    uint32_t struct_size;
    uint32_t reserved;
    uint64_t files, files_unchanged, bytes, bytes_total;
    uint64_t lines, lines_unreadable, lines_foreign; /* not JSON or over a limit; JSON that is nothing we know */
    uint64_t calls, calls_new, tool_calls, steps, agents, sessions, low_confidence_calls;
    int64_t low_confidence_cost_pusd;
    int64_t cost_pusd;       /* of `calls`: the priced part; TACHO_COST_UNKNOWN when nothing is priced */
    uint64_t unpriced_calls; /* of `calls`: those with usage of which nothing, or not all, has a price */
    uint64_t unreadable;     /* files and folders that could not be looked into, or not to their end */
    uint64_t lines_doubtful; /* with a count too large to be true, which was cut to 2^53 */
} tacho_import_counts;       /* grow at the end only */

typedef struct tacho_import_options {
    uint32_t struct_size;
    uint32_t reserved;
    const tacho_price_table *prices;                                     /* NULL = built-in */
    void (*problem)(void *context, const tacho_import_problem *problem); /* may be NULL */
    int (*progress)(void *context,
                    const tacho_import_counts *so_far); /* between transactions; non-zero = stop; may be NULL */
    void *context;
} tacho_import_options;

/**
 * Import Claude Code transcripts (`*.jsonl` below the given files and folders). Resumable by (file, inode, offset),
 * idempotent: importing twice, in any order, split over folders or cut at any byte and resumed gives the same history
 * (semantics 38, 57).
 *
 * @param history NULL = only look which log files there are: their bytes in `bytes_total`, and the status
 * @param paths   count of files or folders; count 0 = where the agent writes (CLAUDE_CONFIG_DIR, ~/.claude/projects,
 *                ~/.config/claude/projects)
 * @param counts  receives what was found; may be NULL
 * @return TACHO_OK; TACHO_NOT_FOUND (a path does not exist, or no default place does); TACHO_NO_DATA (no log file);
 *         TACHO_STOPPED (finished batches are kept); TACHO_DENIED, TACHO_IO (no path could be read; where some can,
 *         the others are told as problems); TACHO_BUSY (others wrote the history for 20 s); TACHO_NOMEM
 */
TACHO_API tacho_status tacho_import_claude_code(tacho_history *history, const char *const *paths, size_t count,
                                                const tacho_import_options *options, tacho_import_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
