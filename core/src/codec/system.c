/* The system numbers in every format. */
#include "codec/csv.h"
#include "codec/json_field.h"
#include "codec/people.h"
#include "codec/phrases.h"
#include "codec/style.h"

static void write_members(tacho__json_writer *writer, const tacho_system *system) {
    size_t count;
    const tacho_field *fields = tacho_system_fields(&count);
    tacho__json_object_begin(writer);
    for (size_t i = 0; i < count; i++) {
        tacho__json_field_member(writer, &fields[i], system, TACHO__NAMED_COUNTS);
    }
    tacho__json_object_end(writer);
}

static tacho_status write_json(const tacho_system *system, const tacho_style *style, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, true);
    tacho_status status = tacho__json_envelope(&writer, "tacho.system/1", style);
    if (status != TACHO_OK) {
        return status;
    }
    tacho__json_key(&writer, "rows");
    tacho__json_array_begin(&writer);
    write_members(&writer, system);
    tacho__json_array_end(&writer);
    tacho__json_key(&writer, "totals");
    write_members(&writer, system);
    tacho__json_envelope_end(&writer, NULL, 0);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

static tacho_status write_jsonl(const tacho_system *system, tacho__output *output) {
    tacho__json_writer writer;
    tacho__json_writer_init(&writer, &output->buffer, false);
    write_members(&writer, system);
    tacho__buffer_byte(&output->buffer, '\n');
    return tacho__json_writer_finish(&writer);
}

static tacho_status write_csv(const tacho_system *system, tacho__output *output) {
    size_t count;
    const tacho_field *fields = tacho_system_fields(&count);
    tacho__csv csv = {&output->buffer, false};
    for (size_t i = 0; i < count; i++) {
        tacho__csv_text(&csv, fields[i].name);
    }
    tacho__csv_line_end(&csv);
    for (size_t i = 0; i < count; i++) {
        tacho__csv_field(&csv, &fields[i], system, TACHO__NAMED_COUNTS);
    }
    tacho__csv_line_end(&csv);
    return TACHO_OK;
}

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

/* What runs, then what it costs the machine; a figure that is not known is left out. */
static tacho_status write_text(const tacho_system *system, const tacho__text_layout *layout, const tacho_zone *zone,
                               tacho__output *output) {
    tacho__arena arena = {0};
    tacho__phrases requests = {.arena = &arena}, running = requests, machine = requests, since = requests;
    char text[TACHO__PEOPLE_TEXT];
    tacho__phrase(&requests, "%s ended", tacho__people_count(system->total_requests, text));
    tacho__phrase(&requests, "%s running", tacho__people_count(system->concurrent_requests, text));
    tacho__phrase(&running, "%s agent%s", tacho__people_count(system->active_agents, text),
                  plural(system->active_agents));
    tacho__phrase(&running, "%s session%s", tacho__people_count(system->active_sessions, text),
                  plural(system->active_sessions));
    if (system->cpu_ns >= 0) {
        tacho__phrase(&machine, "%s of CPU", tacho__people_time(system->cpu_ns, text));
    }
    if (system->memory_bytes >= 0) {
        tacho__phrase(&machine, "%s KiB of memory", tacho__people_count(system->memory_bytes / 1024, text));
    }
    if (system->descriptors >= 0) {
        tacho__phrase(&machine, "%s descriptor%s", tacho__people_count(system->descriptors, text),
                      plural(system->descriptors));
    }
    if (system->started_at_ns != 0) {
        tacho__phrase(&since, "%s", tacho__people_instant(system->started_at_ns, zone, 1, text));
        tacho__phrase(&since, "%s ago", tacho__people_time(system->uptime_ns, text));
    }
    tacho__phrases_write(&requests, "Requests", layout, &output->buffer);
    tacho__phrases_write(&running, "Active", layout, &output->buffer);
    tacho__phrases_write(&machine, system->processes == 1 ? "Process" : "Processes", layout, &output->buffer);
    tacho__phrases_write(&since, "Since", layout, &output->buffer);
    const bool failed = arena.failed;
    tacho__arena_free(&arena);
    return failed ? TACHO_NOMEM : tacho__buffer_status(&output->buffer);
}

static tacho_status write_system(const tacho_system *system, tacho_format format, const tacho_style *style,
                                 tacho__output *output) {
    const tacho__text_layout layout = tacho__style_layout(style, format == TACHO_FORMAT_PLAIN);
    switch (format) {
    case TACHO_FORMAT_JSON:
        return write_json(system, style, output);
    case TACHO_FORMAT_JSONL:
        return write_jsonl(system, output);
    case TACHO_FORMAT_CSV:
        return write_csv(system, output);
    case TACHO_FORMAT_TABLE:
    case TACHO_FORMAT_TEXT:
    case TACHO_FORMAT_PLAIN:
        return write_text(system, &layout, tacho__style_zone(style), output);
    default:
        return TACHO_UNSUPPORTED;
    }
}

tacho_status tacho_write_system(const tacho_system *system, tacho_format format, const tacho_style *style,
                                tacho_sink sink, void *context) {
    tacho__output output;
    tacho__output_begin(&output, sink, context);
    return tacho__output_end(&output, write_system(system, format, style, &output));
}
