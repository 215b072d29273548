/*
 * The import as a whole: files are read and their lines joined in memory; every 4 MiB, and at the end, one transaction
 * takes over what came out. The position up to which each file was read is committed together with it, so whatever
 * stops an import, what is in the file belongs together, and the next import goes on there.
 */
#include <tachograph/ingest.h>

#include "base/hash.h"
#include "base/memory.h"
#include "ingest/claude_collect.h"
#include "ingest/claude_derive.h"
#include "ingest/claude_store.h"
#include "ingest/line_reader.h"
#include "ingest/log_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_BYTES (UINT64_C(4) << 20)
#define HEAD_BYTES  4096u
#define FACTS_KEPT  ((size_t)100000) /* in memory between batches */

/* How far one file of the batch was read; written with the batch. */
typedef struct position {
    const tacho__log_file *file;
    tacho__progress progress;
} position;

typedef struct import_run {
    tacho_history *history;
    tacho_import_options options;
    tacho_import_counts counts;
    tacho__facts facts;
    tacho__claude_parser *parser;
    tacho__line_reader reader;
    tacho__log_files files;
    position *positions; /* of this batch, one per file at most */
    size_t position_count;
    uint64_t batch_bytes;
    bool fresh;           /* the history has nothing of this source */
    int64_t data_version; /* of the history after our last commit; 0 = none yet */
} import_run;

static void report(import_run *import, const char *file, uint64_t line, const char *what) {
    const tacho_import_problem problem = {(uint32_t)sizeof problem, line > UINT32_MAX ? UINT32_MAX : (uint32_t)line,
                                          file, what};
    if (import->options.problem) {
        import->options.problem(import->options.context, &problem);
    }
}

/* --- batches --------------------------------------------------------------------------------------------------- */

static void count_call(tacho_import_counts *counts, const tacho__fact *call) {
    counts->calls++;
    if (call->low_confidence) {
        counts->low_confidence_calls++;
        counts->low_confidence_cost_pusd += call->cost_pusd == TACHO_COST_UNKNOWN ? 0 : call->cost_pusd;
    }
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
            count_call(counts, fact);
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

static tacho_status write_batch(import_run *import) {
    tacho_status status = see_file(import);
    if (status == TACHO_OK) {
        status = tacho__claude_load(&import->facts, import->history, import->fresh);
    }
    if (status == TACHO_OK) {
        status = tacho__claude_derive(&import->facts);
    }
    if (status == TACHO_OK) {
        status =
            tacho__claude_write(&import->facts, import->history, import->options.prices, &import->counts.calls_new);
    }
    for (size_t i = 0; i < import->position_count && status == TACHO_OK; i++) {
        status = tacho__progress_put(import->history, &import->positions[i].progress);
    }
    return status;
}

static tacho_status finish_batch(import_run *import) {
    tacho_status status = tacho__store_begin(import->history);
    if (status == TACHO_OK) {
        status = tacho__store_finish(import->history, write_batch(import));
    }
    if (status != TACHO_OK) {
        return status;
    }
    import->position_count = 0;
    import->batch_bytes = 0;
    if (import->facts.count > FACTS_KEPT) {
        import->fresh = false;
        status = renew_facts(import);
    }
    if (status == TACHO_OK && import->options.progress &&
        import->options.progress(import->options.context, &import->counts) != 0) {
        status = TACHO_STOPPED;
    }
    return status;
}

/* --- lines ----------------------------------------------------------------------------------------------------- */

/*
 * Most lines of a transcript are progress of hooks and shell commands, without anything to count. They are told apart
 * by how they begin, without reading them as JSON.
 */
static bool nothing_in_it(const char *text, size_t length) {
    static const char type[] = "\"type\":\"progress\",\"data\":{\"type\":\"";
    size_t head = length < 1024 ? length : 1024;
    if (length < 64 || length > 65536 || text[0] != '{' || text[length - 1] != '}') {
        return false;
    }
    const char *found = memmem(text, head, type, sizeof type - 1);
    if (!found) {
        return false;
    }
    found += sizeof type - 1;
    size_t left = (size_t)(text + head - found);
    return left > 16 && (memcmp(found, "hook_progress\"", 14) == 0 || memcmp(found, "bash_progress\"", 14) == 0);
}

static tacho_status take_line(import_run *import, const char *file, const char *session, const char *text,
                              size_t length) {
    const tacho__claude_line *line;
    import->counts.lines++;
    if (nothing_in_it(text, length)) {
        return TACHO_OK;
    }
    tacho_status status = tacho__claude_parse(import->parser, text, length, &line);
    if (status == TACHO_DAMAGED || status == TACHO_LIMIT) {
        import->counts.lines_unreadable++;
        report(import, file, import->reader.line,
               length == 0 ? "empty line" : tacho__claude_parser_problem(import->parser));
        return TACHO_OK;
    }
    if (status != TACHO_OK) {
        return status;
    }
    import->counts.lines_foreign += line->type == TACHO__CLAUDE_FOREIGN;
    return tacho__claude_collect(&import->facts, line, session);
}

/* --- files ----------------------------------------------------------------------------------------------------- */

/* The hash of the first bytes of a file, at most `bytes`; 0 = could not be read. */
static uint64_t head_hash(int fd, uint64_t bytes) {
    char head[HEAD_BYTES];
    ssize_t got = pread(fd, head, bytes < HEAD_BYTES ? (size_t)bytes : HEAD_BYTES, 0);
    return got < 0 || (uint64_t)got < bytes ? 0 : tacho__hash(head, (size_t)got, 0);
}

/* Where to go on: behind what was read of this very file, or at its start. */
static tacho_status resume(import_run *import, const tacho__log_file *file, tacho__progress *progress) {
    char last = 0;
    int fd = import->reader.fd;
    tacho_status status = tacho__progress_find(import->history, progress);
    bool same = status == TACHO_OK && progress->inode == file->inode && progress->offset <= file->size &&
                progress->offset > 0 && head_hash(fd, progress->head_bytes) == progress->head_hash &&
                pread(fd, &last, 1, (off_t)progress->offset - 1) == 1 && last == '\n';
    if (!same) {
        progress->offset = progress->lines = 0;
    }
    progress->inode = file->inode;
    return status == TACHO_NOT_FOUND ? TACHO_OK : status;
}

static void set_position(import_run *import, const tacho__log_file *file, tacho__progress *progress) {
    const char *tail;
    size_t pending;
    tacho__line_reader_tail(&import->reader, &tail, &pending);
    progress->offset = import->reader.offset;
    progress->lines = import->reader.line;
    progress->pending = pending;
    progress->head_bytes = progress->offset < HEAD_BYTES ? progress->offset : HEAD_BYTES;
    progress->head_hash = head_hash(import->reader.fd, progress->head_bytes);
    position *last = import->position_count ? &import->positions[import->position_count - 1] : NULL;
    if (!last || last->file != file) {
        last = &import->positions[import->position_count++];
    }
    *last = (position){file, *progress};
}

/* The name of a file is its session's, for lines that do not say: ".../SESSION.jsonl", ".../SESSION/subagents/x.jsonl".
 */
static void session_of(const char *path, char session[256]) {
    const char *end = strstr(path, "/subagents/");
    const char *stem = end ? end : strrchr(path, '/');
    if (end) {
        while (stem > path && stem[-1] != '/') {
            stem--;
        }
    } else {
        stem = stem ? stem + 1 : path;
        const char *dot = strrchr(stem, '.');
        end = dot ? dot : stem + strlen(stem);
    }
    snprintf(session, 256, "%.*s", (int)(end - stem < 200 ? end - stem : 200), stem);
}

/* A last line without line end may still be being written. If it is whole it counts already; it is read again later. */
static tacho_status take_tail(import_run *import, const char *session) {
    const tacho__claude_line *line;
    const char *text;
    size_t length;
    tacho__line_reader_tail(&import->reader, &text, &length);
    if (length == 0 || tacho__claude_parse(import->parser, text, length, &line) != TACHO_OK) {
        return TACHO_OK;
    }
    return tacho__claude_collect(&import->facts, line, session);
}

static tacho_status take_lines(import_run *import, const tacho__log_file *file, tacho__progress *progress) {
    char session[256];
    const char *text;
    size_t length;
    tacho_status status = TACHO_OK;
    session_of(file->path, session);
    while (status == TACHO_OK) {
        uint64_t before = import->reader.offset;
        status = tacho__line_reader_next(&import->reader, &text, &length);
        if (status == TACHO_LIMIT) {
            import->counts.lines++;
            import->counts.lines_unreadable++;
            report(import, file->path, import->reader.line, "line is longer than 32 MiB");
            status = TACHO_OK;
        } else if (status == TACHO_OK) {
            status = take_line(import, file->path, session, text, length);
        } else if (status == TACHO_IO) {
            report(import, file->path, 0, "reading failed; the rest is left for the next import");
            return TACHO_OK;
        }
        import->counts.bytes += import->reader.offset - before;
        import->batch_bytes += import->reader.offset - before;
        if (status == TACHO_OK && import->batch_bytes >= BATCH_BYTES) {
            set_position(import, file, progress);
            status = finish_batch(import);
        }
    }
    if (status != TACHO_NO_DATA) {
        return status;
    }
    status = take_tail(import, session);
    set_position(import, file, progress);
    return status;
}

static tacho_status read_file(import_run *import, const tacho__log_file *file) {
    tacho__progress progress = {.source = TACHO__CLAUDE_SOURCE, .file = file->path};
    tacho_status status = tacho__line_reader_open(&import->reader, file->path);
    if (status != TACHO_OK) { /* gone or closed to us since we listed it */
        report(import, file->path, 0, tacho_status_text(status));
        return TACHO_OK;
    }
    import->counts.files++;
    status = resume(import, file, &progress);
    if (status == TACHO_OK && progress.offset > 0 && progress.offset == file->size) {
        import->counts.files_unchanged++;
        import->counts.bytes += file->size;
        return TACHO_OK;
    }
    if (status == TACHO_OK) {
        status = tacho__line_reader_seek(&import->reader, progress.offset, progress.lines);
    }
    import->counts.bytes += progress.offset;
    return status == TACHO_OK ? take_lines(import, file, &progress) : status;
}

/* --- the import ------------------------------------------------------------------------------------------------ */

static tacho_status add_path(import_run *import, const char *path, bool optional) {
    tacho_status status = tacho__log_files_add(&import->files, path, ".jsonl");
    if (status == TACHO_OK || (optional && status == TACHO_NOT_FOUND)) {
        return status;
    }
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

static tacho_status list_files(import_run *import, const char *const *paths, size_t count) {
    tacho_status status = count ? TACHO_OK : add_defaults(import);
    for (size_t i = 0; i < count && status == TACHO_OK; i++) {
        status = add_path(import, paths[i], false);
    }
    if (status != TACHO_OK) {
        return status;
    }
    tacho__log_files_finish(&import->files);
    for (size_t i = 0; i < import->files.count; i++) {
        import->counts.bytes_total += import->files.files[i].size;
    }
    import->positions = tacho__calloc(import->files.count, sizeof *import->positions);
    return import->files.count == 0 ? TACHO_NO_DATA : import->positions ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status run(import_run *import, const char *const *paths, size_t count) {
    tacho_status status = tacho__facts_init(&import->facts);
    import->parser = tacho__claude_parser_new();
    if (status != TACHO_OK || !import->parser) {
        return TACHO_NOMEM;
    }
    status = list_files(import, paths, count);
    for (size_t i = 0; i < import->files.count && status == TACHO_OK; i++) {
        status = read_file(import, &import->files.files[i]);
    }
    if (status == TACHO_OK && import->position_count > 0) {
        status = finish_batch(import);
    }
    count_facts(import);
    return status;
}

tacho_status tacho_import_claude_code(tacho_history *history, const char *const *paths, size_t count,
                                      const tacho_import_options *options, tacho_import_counts *counts) {
    import_run import = {.history = history, .reader = TACHO__LINE_READER_INIT};
    if (!history || (!paths && count)) {
        return TACHO_INVALID;
    }
    if (options) {
        memcpy(&import.options, options,
               options->struct_size < sizeof import.options ? options->struct_size : sizeof import.options);
    }
    import.counts.struct_size = (uint32_t)sizeof import.counts;
    tacho_status status = run(&import, paths, count);
    if (counts) {
        *counts = import.counts;
    }
    tacho__facts_free(&import.facts);
    tacho__claude_parser_free(import.parser);
    tacho__line_reader_free(&import.reader);
    tacho__log_files_free(&import.files);
    tacho__free(import.positions);
    return status;
}
