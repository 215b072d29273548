/**
 * Reading logs into batches: the half of an import that touches no history, so that it can run in a thread of its own
 * while the batch before is being stored.
 */
#ifndef TACHO_INGEST_CLAUDE_BATCH_H
#define TACHO_INGEST_CLAUDE_BATCH_H

#include "history/store.h"
#include "ingest/claude_fact.h"
#include "ingest/claude_line.h"
#include "ingest/line_reader.h"
#include "ingest/log_files.h"

#include <tachograph/ingest.h>

/**
 * Bytes of log after which a batch is handed over. The first one is small, so that storing begins early, and so are the
 * last ones, so that little is left to store when reading has ended.
 */
#define TACHO__BATCH_BYTES     (UINT64_C(1) << 20)
#define TACHO__BATCH_BYTES_MIN (UINT64_C(256) << 10)
/** Most problems that one batch names; further ones are counted. */
#define TACHO__BATCH_PROBLEMS 256

typedef struct tacho__batch_problem {
    const char *file; /* of the list of files, lives as long as that */
    uint64_t line;    /* 0 = the whole file */
    char what[96];
} tacho__batch_problem;

/** What came out of some MiB of logs. */
typedef struct tacho__claude_batch {
    tacho_status status; /* TACHO_OK: more follows; TACHO_NO_DATA: the last one; else why reading ended */
    tacho__facts facts;
    tacho_import_counts counts; /* what this batch adds: files, bytes and lines */
    tacho__progress *positions; /* how far each file was read; one per file at most */
    size_t position_count, position_room;
    tacho__batch_problem *problems; /* TACHO__BATCH_PROBLEMS of them */
    size_t problem_count;
    size_t problem_limit; /* of the file being read: it leaves half of the room to the others */
} tacho__claude_batch;

/** Makes a batch empty that is zeroed or was used before; keeps its memory. TACHO_OK; TACHO_NOMEM (free it then). */
tacho_status tacho__claude_batch_begin(tacho__claude_batch *batch);
void tacho__claude_batch_free(tacho__claude_batch *batch);

/** Where the reading of a list of files stands. */
typedef struct tacho__claude_source {
    const tacho__log_files *files;
    const tacho_price_table *prices;
    tacho__progress *progress; /* per file: what the history knows of it, then how far it was read */
    uint64_t left;             /* bytes that are to be read, as far as is known */
    size_t next;               /* file to open */
    bool begun;                /* a batch was read */
    bool open;                 /* files[next - 1] is being read */
    size_t type_at;            /* where the last line had its type, see nothing_in_it */
    char session[256];         /* of the open file, for lines that do not name theirs */
    tacho__claude_parser *parser;
    tacho__line_reader reader;
} tacho__claude_source;

/**
 * @param prices    what calls are priced with; NULL = the built-in table
 * @param progress  one per file, in the order of the files; offset 0 = never read
 * @param left      bytes behind these offsets
 * @return TACHO_OK; TACHO_NOMEM
 */
tacho_status tacho__claude_source_init(tacho__claude_source *source, const tacho__log_files *files,
                                       const tacho_price_table *prices, tacho__progress *progress, uint64_t left);
void tacho__claude_source_free(tacho__claude_source *source);

/** Reads on into an empty batch; see batch->status. */
void tacho__claude_source_read(tacho__claude_source *source, tacho__claude_batch *batch);

#endif
