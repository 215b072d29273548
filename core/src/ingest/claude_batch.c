#include "ingest/claude_batch.h"

#include "base/hash.h"
#include "base/memory.h"
#include "ingest/claude_collect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD_BYTES 4096u

tacho_status tacho__claude_batch_begin(tacho__claude_batch *batch) {
    batch->status = TACHO_OK;
    batch->counts = (tacho_import_counts){.struct_size = (uint32_t)sizeof batch->counts};
    batch->position_count = batch->problem_count = 0;
    batch->problem_limit = TACHO__BATCH_PROBLEMS;
    if (batch->problems) {
        return tacho__facts_clear(&batch->facts);
    }
    batch->problems = tacho__calloc(TACHO__BATCH_PROBLEMS, sizeof *batch->problems);
    return batch->problems ? tacho__facts_init(&batch->facts) : TACHO_NOMEM;
}

void tacho__claude_batch_free(tacho__claude_batch *batch) {
    tacho__facts_free(&batch->facts);
    tacho__free(batch->positions);
    tacho__free(batch->problems);
    *batch = (tacho__claude_batch){0};
}

static void report(tacho__claude_batch *batch, const char *file, uint64_t line, const char *what) {
    if (batch->problem_count < batch->problem_limit) {
        tacho__batch_problem *problem = &batch->problems[batch->problem_count++];
        problem->file = file;
        problem->line = line;
        snprintf(problem->what, sizeof problem->what, "%s", what);
    }
}

/* --- lines ----------------------------------------------------------------------------------------------------- */

/*
 * Most lines of a transcript are progress of hooks and shell commands, without anything to count. They are told apart
 * by how they begin, without reading them as JSON. What stands before the type is equally long in most lines of a file,
 * so it is looked for where the last one had it first.
 */
static bool nothing_in_it(tacho__claude_source *source, const char *text, size_t length) {
    static const char type[] = "\"type\":\"progress\",\"data\":{\"type\":\"";
    const size_t size = sizeof type - 1;
    size_t head = length < 1024 ? length : 1024;
    if (length < 64 || length > 65536 || text[0] != '{' || text[length - 1] != '}') {
        return false;
    }
    const char *found = text + source->type_at;
    if (source->type_at + size > head || memcmp(found, type, size) != 0) {
        found = memmem(text, head, type, size);
    }
    if (!found) {
        return false;
    }
    source->type_at = (size_t)(found - text);
    found += size;
    return text + head - found > 16 &&
           (memcmp(found, "hook_progress\"", 14) == 0 || memcmp(found, "bash_progress\"", 14) == 0);
}

/* A count that is larger than any response can have was cut: what the call cost is anybody's guess. */
static bool is_doubtful(const tacho__claude_line *line) {
    bool doubtful = false;
    for (size_t i = 0; line->flags & TACHO__CLAUDE_USAGE && i < tacho_response_parts(line->response); i++) {
        doubtful |= (tacho_response_usage(line->response, i)->faults & TACHO_USAGE_FAULT_TOO_LARGE) != 0;
    }
    return doubtful;
}

static tacho_status take_line(tacho__claude_source *source, tacho__claude_batch *batch, const char *file,
                              const char *text, size_t length) {
    const tacho__claude_line *line;
    batch->counts.lines++;
    if (nothing_in_it(source, text, length)) {
        return TACHO_OK;
    }
    tacho_status status = tacho__claude_parse(source->parser, text, length, &line);
    if (status == TACHO_DAMAGED || status == TACHO_LIMIT) {
        batch->counts.lines_unreadable++;
        report(batch, file, source->reader.line,
               length == 0 ? "the line is empty" : tacho__claude_parser_problem(source->parser));
        return TACHO_OK;
    }
    if (status != TACHO_OK) {
        return status;
    }
    batch->counts.lines_foreign += line->type == TACHO__CLAUDE_FOREIGN;
    if (is_doubtful(line)) {
        batch->counts.lines_doubtful++;
        report(batch, file, source->reader.line, "a count of tokens is too large to be true and was cut to 2^53");
    }
    return tacho__claude_collect(&batch->facts, line, source->session, source->prices);
}

/* One line, and what of it is worth more than a status. TACHO_NO_DATA: no further line end. */
static tacho_status next_line(tacho__claude_source *source, tacho__claude_batch *batch, const char *file) {
    const char *text;
    size_t length;
    uint64_t before = source->reader.offset;
    tacho_status status = tacho__line_reader_next(&source->reader, &text, &length);
    batch->counts.bytes += source->reader.offset - before;
    if (status == TACHO_OK) {
        return take_line(source, batch, file, text, length);
    }
    if (status == TACHO_LIMIT) {
        batch->counts.lines++;
        batch->counts.lines_unreadable++;
        report(batch, file, source->reader.line, "the line is longer than 32 MiB");
        return TACHO_OK;
    }
    if (status == TACHO_IO) {
        batch->counts.unreadable++;
        report(batch, file, 0, "reading failed; the rest is left for the next import");
    }
    return status;
}

/* A last line without line end may still be being written. If it is whole it counts already; it is read again later. */
static tacho_status take_tail(tacho__claude_source *source, tacho__claude_batch *batch) {
    const tacho__claude_line *line;
    const char *text;
    size_t length;
    tacho__line_reader_tail(&source->reader, &text, &length);
    if (length == 0 || tacho__claude_parse(source->parser, text, length, &line) != TACHO_OK) {
        return TACHO_OK;
    }
    return tacho__claude_collect(&batch->facts, line, source->session, source->prices);
}

/* --- files ----------------------------------------------------------------------------------------------------- */

/* The hash of the first bytes of a file, at most `bytes`; 0 = could not be read. */
static uint64_t head_hash(int fd, uint64_t bytes) {
    char head[HEAD_BYTES];
    ssize_t got = pread(fd, head, bytes < HEAD_BYTES ? (size_t)bytes : HEAD_BYTES, 0);
    return got < 0 || (uint64_t)got < bytes ? 0 : tacho__hash(head, (size_t)got, 0);
}

/* Whether what was read of a file is still what stands there: one that was cut or made anew is read from its start. */
static bool same_file(int fd, const tacho__log_file *file, const tacho__progress *progress) {
    char last = 0;
    return progress->offset > 0 && progress->inode == file->inode && progress->offset <= file->size &&
           progress->head_bytes <= HEAD_BYTES && head_hash(fd, progress->head_bytes) == progress->head_hash &&
           pread(fd, &last, 1, (off_t)progress->offset - 1) == 1 && last == '\n';
}

static tacho_status keep_position(tacho__claude_source *source, tacho__claude_batch *batch) {
    const char *tail;
    size_t pending;
    tacho__progress *progress = &source->progress[source->next - 1];
    tacho__line_reader_tail(&source->reader, &tail, &pending);
    progress->offset = source->reader.offset;
    progress->lines = source->reader.line;
    progress->pending = pending;
    progress->head_bytes = progress->offset < HEAD_BYTES ? progress->offset : HEAD_BYTES;
    progress->head_hash = head_hash(source->reader.fd, progress->head_bytes);
    if (batch->position_count == batch->position_room) {
        size_t room = batch->position_room ? batch->position_room * 2 : 64;
        tacho__progress *grown = tacho__realloc(batch->positions, room * sizeof *grown);
        if (!grown) {
            return TACHO_NOMEM;
        }
        batch->positions = grown;
        batch->position_room = room;
    }
    batch->positions[batch->position_count++] = *progress;
    return TACHO_OK;
}

/* The name of a file is its session's: ".../SESSION.jsonl", ".../SESSION/subagents/x.jsonl". */
static void session_of(const char *path, char session[256]) {
    const char *end = strstr(path, "/subagents/"), *stem = end ? end : strrchr(path, '/');
    if (end) {
        while (stem > path && stem[-1] != '/') {
            stem--;
        }
    } else {
        stem = stem ? stem + 1 : path;
        end = strrchr(stem, '.');
        end = end ? end : stem + strlen(stem);
    }
    snprintf(session, 256, "%.*s", (int)(end - stem < 200 ? end - stem : 200), stem);
}

/* Opens the next file and goes where reading goes on. One that is gone, or closed to us, is named and passed over. */
static tacho_status open_next(tacho__claude_source *source, tacho__claude_batch *batch) {
    const tacho__log_file *file = &source->files->files[source->next];
    tacho__progress *progress = &source->progress[source->next++];
    batch->problem_limit = batch->problem_count + (TACHO__BATCH_PROBLEMS - batch->problem_count + 1) / 2;
    tacho_status status = tacho__line_reader_open(&source->reader, file->path);
    if (status != TACHO_OK) {
        batch->counts.unreadable++;
        report(batch, file->path, 0, tacho_status_text(status));
        return TACHO_OK;
    }
    batch->counts.files++;
    if (!same_file(source->reader.fd, file, progress)) {
        progress->offset = progress->lines = 0;
    }
    progress->inode = file->inode;
    batch->counts.bytes += progress->offset;
    if (progress->offset > 0 && progress->offset == file->size) {
        batch->counts.files_unchanged++;
        return TACHO_OK;
    }
    session_of(file->path, source->session);
    source->open = true;
    return tacho__line_reader_seek(&source->reader, progress->offset, progress->lines);
}

/* Reads the open file up to its end or the end of the batch. */
static tacho_status read_on(tacho__claude_source *source, tacho__claude_batch *batch, uint64_t *room) {
    const char *file = source->files->files[source->next - 1].path;
    uint64_t start = source->reader.offset;
    tacho_status status = TACHO_OK;
    while (status == TACHO_OK && source->reader.offset - start < *room) {
        status = next_line(source, batch, file);
    }
    uint64_t taken = source->reader.offset - start;
    *room -= taken < *room ? taken : *room;
    if (status == TACHO_OK) {
        return keep_position(source, batch);
    }
    source->open = false;
    if (status == TACHO_IO) {
        return keep_position(source, batch);
    }
    if (status != TACHO_NO_DATA) {
        return status;
    }
    status = take_tail(source, batch);
    return status == TACHO_OK ? keep_position(source, batch) : status;
}

tacho_status tacho__claude_source_init(tacho__claude_source *source, const tacho__log_files *files,
                                       const tacho_price_table *prices, tacho__progress *progress, uint64_t left) {
    *source = (tacho__claude_source){
        .files = files, .prices = prices, .progress = progress, .left = left, .reader = TACHO__LINE_READER_INIT};
    source->parser = tacho__claude_parser_new();
    return source->parser ? TACHO_OK : TACHO_NOMEM;
}

void tacho__claude_source_free(tacho__claude_source *source) {
    tacho__claude_parser_free(source->parser);
    tacho__line_reader_free(&source->reader);
}

static uint64_t batch_bytes(const tacho__claude_source *source) {
    uint64_t half = source->left / 2;
    uint64_t most = source->begun ? TACHO__BATCH_BYTES : TACHO__BATCH_BYTES_MIN;
    uint64_t bytes = half < most ? half : most;
    return bytes > TACHO__BATCH_BYTES_MIN ? bytes : TACHO__BATCH_BYTES_MIN;
}

void tacho__claude_source_read(tacho__claude_source *source, tacho__claude_batch *batch) {
    uint64_t room = batch_bytes(source), size = room;
    tacho_status status = TACHO_OK;
    while (status == TACHO_OK && room > 0 && (source->open || source->next < source->files->count)) {
        status = source->open ? read_on(source, batch, &room) : open_next(source, batch);
    }
    source->begun = true;
    source->left -= size - room < source->left ? size - room : source->left;
    bool more = source->open || source->next < source->files->count;
    batch->status = status == TACHO_OK && !more ? TACHO_NO_DATA : status;
}
