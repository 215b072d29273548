/*
 * The import as a whole: files are read and their lines joined in memory, batch by batch; a transaction takes over what
 * came out of a few of them. The position up to which each file was read is committed together with it, so whatever
 * stops an import, what is in the file belongs together, and the next import goes on there.
 */
#include <tachograph/ingest.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/money.h"
#include "ingest/claude_ahead.h"
#include "ingest/claude_derive.h"
#include "ingest/claude_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FACTS_KEPT ((size_t)100000) /* in memory between batches */
#ifdef TACHO_TESTING
#define TRANSACTION_NS 0 /* one per batch, so that tests see many */
#else
#define TRANSACTION_NS UINT64_C(250000000) /* a transaction that is older ends with its batch */
#endif
#ifdef TACHO_TESTING
#define BUSY_NS UINT64_C(300000000) /* longest wait for other writers */
#else
#define BUSY_NS UINT64_C(20000000000) /* longest wait for other writers: several imports take turns */
#endif
#define TURN_NS 2000000            /* between two transactions, so that others get theirs */
#define WAIT_NS UINT64_C(50000000) /* longest wait for a batch inside a transaction */

typedef struct import_run {
    tacho_history *history;
    tacho_import_options options;
    tacho_import_counts counts;
    tacho__facts facts;
    tacho__log_files files;
    tacho__progress *progress; /* per file */
    uint64_t begun_ns;         /* when the transaction began; 0 = there is none */
    size_t touched;            /* facts in the sessions of the last batch */
    bool fresh;                /* the history has nothing of this source */
    int64_t data_version;      /* of the history after our last commit; 0 = none yet */
} import_run;

/* Reads its part of the files. Two keep the one that stores busy; more would only wait for it. */
#define READERS 2u
typedef struct log_reader {
    tacho__log_files files;    /* a part of the list, not owned */
    tacho__progress *progress; /* of these files */
    uint64_t left;             /* bytes of them to read */
    tacho__claude_source source;
    tacho__claude_ahead *ahead; /* NULL = no part of its own */
    bool more;                  /* it has a further batch */
} log_reader;

static void report(import_run *import, const char *file, uint64_t line, const char *what) {
    const tacho_import_problem problem = {(uint32_t)sizeof problem, line > UINT32_MAX ? UINT32_MAX : (uint32_t)line,
                                          file, what};
    if (import->options.problem) {
        import->options.problem(import->options.context, &problem);
    }
}

/* --- batches --------------------------------------------------------------------------------------------------- */

static void count_call(const tacho__facts *facts, const tacho__fact *call, tacho_import_counts *counts) {
    const tacho__fact_usage *usage = tacho__facts_usage(facts, call);
    int64_t cost_pusd = usage ? usage->cost_pusd : TACHO_COST_UNKNOWN;
    counts->calls++;
    counts->low_confidence_calls += call->low_confidence;
    if (cost_pusd != TACHO_COST_UNKNOWN) {
        counts->cost_pusd =
            tacho__money_add(counts->cost_pusd == TACHO_COST_UNKNOWN ? 0 : counts->cost_pusd, cost_pusd, NULL);
        counts->low_confidence_cost_pusd =
            tacho__money_add(counts->low_confidence_cost_pusd, call->low_confidence ? cost_pusd : 0, NULL);
    }
    counts->unpriced_calls +=
        usage && (usage->cost_state == TACHO_COST_STATE_UNKNOWN || usage->cost_state == TACHO_COST_STATE_PARTIAL);
}

/* Adds up what is known of the facts that were read, before they are forgotten. */
static void count_facts(import_run *import) {
    tacho_import_counts *counts = &import->counts;
    tacho__facts *facts = &import->facts;
    for (size_t i = 0; i < facts->count; i++) {
        const tacho__fact *fact = &facts->facts[i];
        if (!fact->seen || !fact->shape.there) {
            continue;
        }
        if (fact->kind == TACHO__FACT_CALL) {
            count_call(facts, fact, counts);
        }
        counts->tool_calls += fact->kind == TACHO__FACT_TOOL;
        counts->steps += fact->kind == TACHO__FACT_PROMPT;
        counts->agents += fact->kind == TACHO__FACT_AGENT;
        counts->sessions += !(tacho__facts_session(facts, fact->session) & TACHO__SESSION_SEEN);
        tacho__facts_session_set(facts, fact->session, TACHO__SESSION_SEEN, 0);
    }
}

/* Forgets all facts; what is needed again is read from the history. */
static tacho_status renew_facts(import_run *import) {
    count_facts(import);
    tacho__facts_free(&import->facts);
    return tacho__facts_init(&import->facts);
}

/* Somebody else wrote the file since we did: nothing that was read from it counts as known any more. */
static void doubt_facts(import_run *import) {
    for (size_t i = 0; i < import->facts.count; i++) {
        tacho__fact *fact = &import->facts.facts[i];
        fact->checked = fact->in_file = false;
        memset(&fact->written, 0, sizeof fact->written);
    }
    for (size_t id = 0; id < import->facts.session_room; id++) {
        import->facts.sessions[id] &= (uint8_t)~TACHO__SESSION_LOADED;
    }
}

static tacho_status is_fresh(import_run *import) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(import->history->db,
                                    "SELECT EXISTS(SELECT 1 FROM record WHERE source=?1) OR"
                                    " EXISTS(SELECT 1 FROM mark WHERE source=?1)",
                                    -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_bind_text(statement, 1, TACHO__CLAUDE_SOURCE, -1, SQLITE_STATIC);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    import->fresh = result == SQLITE_ROW && sqlite3_column_int(statement, 0) == 0;
    tacho_status status = tacho__store_fail(import->history, result);
    sqlite3_finalize(statement);
    return status;
}

/* At the begin of a transaction; inside it nobody else writes. */
static tacho_status see_file(import_run *import) {
    int64_t version = tacho__store_data_version(import->history);
    if (version == import->data_version) {
        return TACHO_OK;
    }
    if (import->data_version) {
        doubt_facts(import);
    }
    import->data_version = version;
    return is_fresh(import);
}

static tacho_status store_batch(import_run *import, const tacho__claude_batch *batch) {
    tacho_status status = see_file(import);
    if (status == TACHO_OK) {
        status = tacho__claude_load(&import->facts, import->history, import->fresh);
    }
    if (status == TACHO_OK) {
        status = tacho__claude_derive(&import->facts);
    }
    if (status == TACHO_OK) {
        status = tacho__claude_write(&import->facts, import->history, &import->counts.calls_new, &import->touched);
    }
    for (size_t i = 0; i < batch->position_count && status == TACHO_OK; i++) {
        status = tacho__progress_put(import->history, &batch->positions[i]);
    }
    return status;
}

/* Takes over what reading the batch counted and found wrong. */
static void tell(import_run *import, const tacho__claude_batch *batch) {
    tacho_import_counts *counts = &import->counts;
    counts->files += batch->counts.files;
    counts->files_unchanged += batch->counts.files_unchanged;
    counts->bytes += batch->counts.bytes;
    counts->lines += batch->counts.lines;
    counts->lines_unreadable += batch->counts.lines_unreadable;
    counts->lines_foreign += batch->counts.lines_foreign;
    counts->unreadable += batch->counts.unreadable;
    counts->lines_doubtful += batch->counts.lines_doubtful;
    for (size_t i = 0; i < batch->problem_count; i++) {
        report(import, batch->problems[i].file, batch->problems[i].line, batch->problems[i].what);
    }
}

/*
 * A transaction takes several batches, so that waiting for the disk is shared, but not for long: others may want to
 * write, and what is not committed is lost with the process.
 */
static tacho_status begin_transaction(import_run *import) {
    if (import->begun_ns) {
        return TACHO_OK;
    }
    if (import->data_version) {
        nanosleep(&(struct timespec){.tv_nsec = TURN_NS}, NULL);
    }
    uint64_t since = tacho__now(&tacho__clock_system);
    tacho_status status = tacho__store_begin(import->history);
    while (status == TACHO_BUSY && tacho__now(&tacho__clock_system) - since < BUSY_NS) {
        bool stop = import->options.progress && import->options.progress(import->options.context, &import->counts) != 0;
        status = stop ? TACHO_STOPPED : tacho__store_begin(import->history);
    }
    import->begun_ns = status == TACHO_OK ? tacho__now(&tacho__clock_system) : 0;
    return status;
}

static tacho_status end_transaction(import_run *import, tacho_status status) {
    import->begun_ns = 0;
    return tacho__store_finish(import->history, status);
}

static bool is_due(const import_run *import) {
    return import->begun_ns && tacho__now(&tacho__clock_system) - import->begun_ns > TRANSACTION_NS;
}

static tacho_status take_facts(import_run *import, const tacho__claude_batch *batch) {
    if (batch->position_count == 0) {
        return TACHO_OK;
    }
    tacho_status status = tacho__facts_merge(&import->facts, &batch->facts);
    if (status == TACHO_OK) {
        status = begin_transaction(import);
    }
    if (status == TACHO_OK) {
        status = store_batch(import, batch);
    }
    /* Unless the next batch is likely to need most of them again: a long session. */
    if (status == TACHO_OK && import->facts.count > FACTS_KEPT && import->touched < import->facts.count / 2) {
        import->fresh = false;
        status = renew_facts(import);
    }
    return status;
}

/* The caller is asked between transactions: it may be slow, or look at the history itself. */
static tacho_status end_and_ask(import_run *import) {
    tacho_status status = end_transaction(import, TACHO_OK);
    bool stop = status == TACHO_OK && import->options.progress &&
                import->options.progress(import->options.context, &import->counts) != 0;
    return stop ? TACHO_STOPPED : status;
}

static tacho_status take_batch(import_run *import, const tacho__claude_batch *batch) {
    tell(import, batch);
    if (batch->status != TACHO_OK && batch->status != TACHO_NO_DATA) {
        return batch->status;
    }
    tacho_status status = take_facts(import, batch);
    return status == TACHO_OK && is_due(import) ? end_and_ask(import) : status;
}

static tacho_status take_next(import_run *import, log_reader *reader) {
    tacho_status status = TACHO_OK;
    /* Whoever waits for a slow disk of logs does not hold the history meanwhile. */
    if (import->begun_ns && !tacho__claude_ahead_wait(reader->ahead, WAIT_NS)) {
        status = end_and_ask(import);
    }
    if (status != TACHO_OK) {
        return status;
    }
    const tacho__claude_batch *batch = tacho__claude_ahead_next(reader->ahead);
    reader->more = batch->status == TACHO_OK;
    return take_batch(import, batch);
}

/* In turns, so that the same logs come in the same order every time. */
static tacho_status take_batches(import_run *import, log_reader readers[READERS]) {
    tacho_status status = TACHO_OK;
    unsigned ended = 0; /* readers in a row that have nothing more */
    for (unsigned turn = 0; ended < READERS && status == TACHO_OK; turn = (turn + 1) % READERS) {
        ended = readers[turn].more ? 0 : ended + 1;
        status = readers[turn].more ? take_next(import, &readers[turn]) : TACHO_OK;
    }
    if (!import->begun_ns) {
        return status;
    }
    return status == TACHO_OK ? end_and_ask(import) : end_transaction(import, status);
}

/* --- the import ------------------------------------------------------------------------------------------------ */

static tacho_status add_path(import_run *import, const char *path, bool optional) {
    tacho_status status = tacho__log_files_add(&import->files, path, ".jsonl");
    if (status == TACHO_OK || (optional && status == TACHO_NOT_FOUND)) {
        return status;
    }
    import->counts.unreadable += status != TACHO_NOT_FOUND && status != TACHO_NOMEM;
    report(import, path, 0, status == TACHO_NOT_FOUND ? "there is no such file or folder" : tacho_status_text(status));
    return status;
}

static tacho_status add_default(import_run *import, const char *base, const char *rest) {
    char path[4096];
    if (!base || !*base || snprintf(path, sizeof path, "%s%s", base, rest) >= (int)sizeof path) {
        return TACHO_NOT_FOUND;
    }
    return add_path(import, path, true);
}

/* CLAUDE_CONFIG_DIR lists folders that have, or are, `projects`. */
static tacho_status add_configured(import_run *import, const char *list) {
    tacho_status result = TACHO_NOT_FOUND;
    char folder[4096];
    while (*list) {
        size_t length = strcspn(list, ",");
        snprintf(folder, sizeof folder, "%.*s", (int)(length < sizeof folder ? length : sizeof folder - 1), list);
        list += length + (list[length] == ',');
        tacho_status status = add_default(import, folder, "/projects");
        if (status == TACHO_NOT_FOUND) {
            status = add_default(import, folder, "");
        }
        if (status != TACHO_NOT_FOUND) {
            result = result == TACHO_NOT_FOUND || result == TACHO_OK ? status : result;
        }
    }
    return result;
}

static tacho_status add_defaults(import_run *import) {
    const char *configured = getenv("CLAUDE_CONFIG_DIR"), *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (configured && *configured) {
        return add_configured(import, configured);
    }
    tacho_status new_place = xdg && *xdg ? add_default(import, xdg, "/claude/projects")
                                         : add_default(import, home, "/.config/claude/projects");
    tacho_status old_place = add_default(import, home, "/.claude/projects");
    return new_place == TACHO_NOT_FOUND || (old_place != TACHO_OK && old_place != TACHO_NOT_FOUND) ? old_place
                                                                                                   : new_place;
}

/* A folder inside a given one that cannot be looked into. */
static void note_trouble(void *context, const char *path, const char *what) {
    import_run *import = context;
    import->counts.unreadable++;
    report(import, path, 0, what);
}

/* What is closed to us is told, and the rest read; a path that is not there was mistyped, so nothing is. */
static bool ends_listing(tacho_status status) {
    return status == TACHO_NOT_FOUND || status == TACHO_NOMEM;
}

static tacho_status list_files(import_run *import, const char *const *paths, size_t count) {
    import->files.trouble = note_trouble;
    import->files.context = import;
    tacho_status status = count ? TACHO_OK : add_defaults(import), worst = TACHO_OK;
    for (size_t i = 0; i < count && !ends_listing(status); i++) {
        status = add_path(import, paths[i], false);
        worst = status == TACHO_OK ? worst : status;
    }
    worst = count ? worst : status;
    if (ends_listing(worst)) {
        return worst;
    }
    tacho__log_files_finish(&import->files);
    for (size_t i = 0; i < import->files.count; i++) {
        import->counts.bytes_total += import->files.files[i].size;
    }
    return import->files.count > 0 ? TACHO_OK : worst == TACHO_OK ? TACHO_NO_DATA : worst;
}

/* Bytes of a file that were not read yet, as far as is known. */
static uint64_t unread(const import_run *import, size_t file) {
    uint64_t size = import->files.files[file].size, offset = import->progress[file].offset;
    return size > offset ? size - offset : 0;
}

/* What the history knows of each file. Bytes that are left to read decide whether threads are worth it. */
static tacho_status find_progress(import_run *import, uint64_t *left) {
    tacho_status status = TACHO_OK;
    import->progress = tacho__calloc(import->files.count, sizeof *import->progress);
    if (!import->progress) {
        return TACHO_NOMEM;
    }
    bool known = tacho__store_ready(import->history);
    sqlite3_exec(import->history->db, "BEGIN", NULL, NULL, NULL); /* one file lock for all questions */
    for (size_t i = 0; i < import->files.count && status == TACHO_OK; i++) {
        tacho__progress *progress = &import->progress[i];
        progress->source = TACHO__CLAUDE_SOURCE;
        progress->file = import->files.files[i].path;
        status = known ? tacho__progress_find(import->history, progress) : TACHO_NOT_FOUND;
        status = status == TACHO_NOT_FOUND ? TACHO_OK : status;
        *left += unread(import, i);
    }
    sqlite3_exec(import->history->db, "COMMIT", NULL, NULL, NULL);
    return status;
}

static tacho_status start_reader(import_run *import, log_reader *reader, bool threaded) {
    tacho_status status = tacho__claude_source_init(&reader->source, &reader->files, import->options.prices,
                                                    reader->progress, reader->left);
    reader->ahead = status == TACHO_OK ? tacho__claude_ahead_new(&reader->source, threaded) : NULL;
    reader->more = reader->ahead != NULL;
    return reader->ahead ? TACHO_OK : TACHO_NOMEM;
}

/* Each reader gets neighbours in the list, so that the files of a session stay together. */
static tacho_status start_readers(import_run *import, log_reader readers[READERS], uint64_t left) {
    tacho_status status = TACHO_OK;
    bool threaded = left > 2 * TACHO__BATCH_BYTES_MIN;
    size_t next = 0, count = import->files.count;
    for (unsigned i = 0; i < (threaded ? READERS : 1) && next < count && status == TACHO_OK; i++) {
        log_reader *reader = &readers[i];
        uint64_t share = left / (READERS - i);
        bool rest = !threaded || i == READERS - 1;
        reader->files = (tacho__log_files){.files = import->files.files + next};
        reader->progress = import->progress + next;
        while (next < count && (rest || reader->left < share)) {
            reader->left += unread(import, next++);
            reader->files.count++;
        }
        left -= reader->left;
        status = start_reader(import, reader, threaded);
    }
    return status;
}

static tacho_status read_files(import_run *import) {
    log_reader readers[READERS] = {0};
    uint64_t left = 0;
    tacho_status status = find_progress(import, &left);
    if (status == TACHO_OK) {
        status = start_readers(import, readers, left);
    }
    if (status == TACHO_OK) {
        status = take_batches(import, readers);
    }
    for (unsigned i = 0; i < READERS && readers[i].source.files; i++) {
        tacho__claude_ahead_free(readers[i].ahead);
        tacho__claude_source_free(&readers[i].source);
    }
    return status;
}

static tacho_status run(import_run *import, const char *const *paths, size_t count) {
    tacho_status status = tacho__facts_init(&import->facts);
    if (status == TACHO_OK) {
        status = list_files(import, paths, count);
    }
    if (status == TACHO_OK && import->history) {
        status = read_files(import);
    }
    count_facts(import);
    return status;
}

tacho_status tacho_import_claude_code(tacho_history *history, const char *const *paths, size_t count,
                                      const tacho_import_options *options, tacho_import_counts *counts) {
    import_run import = {.history = history};
    if (!paths && count) {
        return TACHO_INVALID;
    }
    if (options) {
        memcpy(&import.options, options,
               options->struct_size < sizeof import.options ? options->struct_size : sizeof import.options);
    }
    import.counts.struct_size = (uint32_t)sizeof import.counts;
    import.counts.cost_pusd = TACHO_COST_UNKNOWN;
    tacho_status status = run(&import, paths, count);
    if (counts) {
        *counts = import.counts;
    }
    tacho__facts_free(&import.facts);
    tacho__log_files_free(&import.files);
    tacho__free(import.progress);
    return status;
}
