/* What the doctor found, for people and as JSON. */
#include "doctor.h"
#include "message.h"
#include "query_json.h"
#include "reading.h"
#include "when.h"

#include <stdio.h>
#include <string.h>

static const char *size_text(uint64_t bytes, char out[32]) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 32, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

/* The i-th setting; a section of which no member is set has no value. NULL after the last. */
static const char *setting(const cli_findings *found, size_t index, const char **value, const char **source) {
    const char *name = tacho_setting_name(index);
    if (name != NULL) {
        *value = tacho_settings_get(found->settings, name, source);
    }
    return name;
}

/* --------------------------------------------------------------------------------------------------------- for people
 */

static void print_settings(const cli_findings *found, cli_output *output) {
    const char *name, *value, *source;
    size_t defaults = 0;
    cli_output_print(output, "Settings\n");
    for (size_t i = 0; (name = setting(found, i, &value, &source)) != NULL; i++) {
        int is_default = value == NULL || strcmp(source, "default") == 0;
        if (is_default && !cli_given(found->arguments, CLI_FLAG_VERBOSE)) {
            defaults++;
        } else {
            cli_output_print(output, "  %-22s %-28s %s\n", name, value != NULL ? value : "",
                             value != NULL ? source : "default");
        }
    }
    if (defaults > 0) {
        cli_output_print(output, "  %zu are not set (--verbose lists them)\n", defaults);
    }
}

static const char *state_of(const tacho_registry_segment *segment) {
    return segment->is_base           ? "base"
           : segment->is_folded       ? "added up"
           : segment->skipped != NULL ? "left out"
           : segment->is_alive        ? "live"
                                      : "dead";
}

static void print_segment(const tacho_registry_segment *segment, cli_output *output) {
    char size[32], begin[32], process[24] = "-";
    if (segment->process > 0) {
        snprintf(process, sizeof(process), "%lld", (long long)segment->process);
    }
    cli_output_print(output, "  %-9s %8s  %-16s %10s %7llu series  %s\n", state_of(segment), process,
                     cli_instant(segment->is_base ? 0 : segment->started_at_ns, begin),
                     size_text(segment->file_bytes, size), (unsigned long long)segment->series, segment->name);
    if (segment->skipped != NULL) {
        cli_output_print(output, "            left out: %s\n", segment->skipped);
    }
    if (segment->orphans > 0) {
        cli_output_print(output, "            in flight when it died: %llu operations\n",
                         (unsigned long long)segment->orphans);
    }
    if (segment->records_lost > 0) {
        cli_output_print(output, "            records overwritten: %llu\n", (unsigned long long)segment->records_lost);
    }
    for (uint32_t i = 0; i < segment->drop_count; i++) {
        cli_output_print(output, "            %s: %lld\n", segment->drops[i].name, (long long)segment->drops[i].value);
    }
}

static void print_registry(const cli_findings *found, cli_output *output) {
    const tacho_registry_state *state = found->registry;
    char size[32], left[32], made[32];
    if (state == NULL) {
        cli_output_print(output, "\nRegistry\n  %s\n",
                         found->dir[0] == '\0' ? "none: programs record in private memory (to share: tacho run -- CMD, "
                                                 "or TACHO_DIR)"
                                               : "cannot be read, see below");
        return;
    }
    cli_output_print(output, "\nRegistry %s (%s)\n  made %s, %s, %s free; id %s\n", found->dir, found->dir_source,
                     cli_instant(state->created_at_ns, made), size_text(state->file_bytes, size),
                     size_text(state->free_bytes, left), state->id);
    cli_output_print(output, "  %llu live, %llu dead, %llu added up, %llu left out\n", (unsigned long long)state->live,
                     (unsigned long long)state->dead, (unsigned long long)state->folded_segments,
                     (unsigned long long)state->skipped);
    if (state->history != NULL) {
        cli_output_print(output, "  operations go to %s\n", state->history);
    }
    if (state->lease_is_held && state->lease_process > 0) {
        cli_output_print(output, "  lease held by process %lld\n", (long long)state->lease_process);
    } else {
        cli_output_print(output, "  lease %s\n", state->lease_is_held ? "held" : "held by nobody");
    }
    for (size_t i = 0; i < state->count; i++) {
        print_segment(&state->segments[i], output);
    }
}

static void print_history(const cli_findings *found, cli_output *output) {
    char size[32];
    if (found->history_path[0] == '\0') {
        cli_output_print(output, "\nHistory\n  switched off\n");
    } else if (found->history_status == TACHO_OK) {
        cli_output_print(output, "\nHistory %s\n  %llu records, %s\n", found->history_path,
                         (unsigned long long)found->history_records, size_text((uint64_t)found->history_bytes, size));
    } else {
        cli_output_print(output, "\nHistory %s\n  %s\n", found->history_path, found->history_problem);
    }
}

void cli_doctor_print(const cli_findings *found, cli_output *output) {
    cli_output_print(output, "tacho %s\n\n", tacho_version());
    print_settings(found, output);
    print_registry(found, output);
    print_history(found, output);
    cli_output_print(output, "\nPrices\n  %s%s\n", found->prices, found->prices_stale ? " (old)" : "");
    cli_output_print(output, found->problem_count > 0 ? "\nProblems\n" : "\nNothing is wrong.\n");
    for (size_t i = 0; i < found->problem_count; i++) {
        cli_output_print(output, "  %s\n", found->problems[i]);
    }
}

/* ------------------------------------------------------------------------------------------------------------ as JSON
 */

static void add_settings(cli_json *json, const cli_findings *found) {
    const char *name, *value, *source;
    cli_json_begin(json, "settings", '[');
    for (size_t i = 0; (name = setting(found, i, &value, &source)) != NULL; i++) {
        cli_json_begin(json, NULL, '{');
        cli_json_text(json, "name", name);
        cli_json_text(json, "value", value != NULL && value[0] != '\0' ? value : NULL);
        cli_json_text(json, "source", value != NULL ? source : "default");
        cli_json_end(json, '}');
    }
    cli_json_end(json, ']');
}

static void add_time(cli_json *json, const char *key, int64_t unix_ns) {
    char text[32];
    if (unix_ns != 0) {
        cli_when_print(unix_ns, text);
    }
    cli_json_text(json, key, unix_ns != 0 ? text : NULL);
}

static void add_segment(cli_json *json, const tacho_registry_segment *segment) {
    cli_json_begin(json, NULL, '{');
    cli_json_text(json, "name", segment->name);
    cli_json_text(json, "state", state_of(segment));
    cli_json_text(json, "skipped", segment->skipped);
    cli_json_text(json, "writer", segment->writer);
    cli_json_text(json, "prices", segment->prices);
    cli_json_integer(json, "process", segment->process);
    add_time(json, "started_at", segment->is_base ? 0 : segment->started_at_ns);
    cli_json_integer(json, "generation", (int64_t)segment->generation);
    cli_json_integer(json, "file_bytes", (int64_t)segment->file_bytes);
    cli_json_integer(json, "used_bytes", (int64_t)segment->used_bytes);
    cli_json_integer(json, "max_bytes", (int64_t)segment->max_bytes);
    cli_json_integer(json, "series", (int64_t)segment->series);
    cli_json_integer(json, "max_series", (int64_t)segment->max_series);
    cli_json_integer(json, "records_lost", (int64_t)segment->records_lost);
    cli_json_integer(json, "orphaned", (int64_t)segment->orphans);
    cli_json_begin(json, "drops", '{');
    for (uint32_t i = 0; i < segment->drop_count; i++) {
        cli_json_integer(json, segment->drops[i].name, segment->drops[i].value);
    }
    cli_json_end(json, '}');
    cli_json_end(json, '}');
}

static void add_registry(cli_json *json, const cli_findings *found) {
    const tacho_registry_state *state = found->registry;
    if (state == NULL) {
        cli_json_text(json, "registry", NULL);
        return;
    }
    cli_json_begin(json, "registry", '{');
    cli_json_text(json, "path", found->dir);
    cli_json_text(json, "source", found->dir_source);
    cli_json_text(json, "id", state->id);
    add_time(json, "created_at", state->created_at_ns);
    cli_json_integer(json, "file_bytes", (int64_t)state->file_bytes);
    cli_json_integer(json, "free_bytes", (int64_t)state->free_bytes);
    cli_json_integer(json, "live", (int64_t)state->live);
    cli_json_integer(json, "dead", (int64_t)state->dead);
    cli_json_integer(json, "folded", (int64_t)state->folded_segments);
    cli_json_integer(json, "skipped", (int64_t)state->skipped);
    cli_json_integer(json, "lease_held", state->lease_is_held);
    cli_json_integer(json, "lease_process", state->lease_process);
    cli_json_text(json, "history", state->history);
    cli_json_begin(json, "segments", '[');
    for (size_t i = 0; i < state->count; i++) {
        add_segment(json, &state->segments[i]);
    }
    cli_json_end(json, ']');
    cli_json_end(json, '}');
}

/* A negative number is unknown, which is null. */
static void add_known(cli_json *json, const char *key, int64_t number) {
    if (number < 0) {
        cli_json_text(json, key, NULL);
    } else {
        cli_json_integer(json, key, number);
    }
}

static void add_history(cli_json *json, const cli_findings *found) {
    if (found->history_path[0] == '\0') {
        cli_json_text(json, "history", NULL);
        return;
    }
    cli_json_begin(json, "history", '{');
    cli_json_text(json, "path", found->history_path);
    cli_json_text(json, "problem", found->history_status == TACHO_OK ? NULL : found->history_problem);
    add_known(json, "records", found->history_status == TACHO_OK ? (int64_t)found->history_records : -1);
    add_known(json, "file_bytes", found->history_bytes);
    cli_json_end(json, '}');
}

int cli_doctor_print_json(const cli_findings *found, cli_output *output) {
    cli_json json = {.text = NULL};
    char now[32];
    cli_when_print(cli_now_ns(), now);
    cli_json_begin(&json, NULL, '{');
    cli_json_text(&json, "schema", "tacho.doctor/1");
    cli_json_text(&json, "generated_at", now);
    cli_json_text(&json, "version", tacho_version());
    add_settings(&json, found);
    add_registry(&json, found);
    add_history(&json, found);
    cli_json_begin(&json, "prices", '{');
    cli_json_text(&json, "version", found->prices);
    cli_json_integer(&json, "is_old", found->prices_stale);
    cli_json_end(&json, '}');
    cli_json_begin(&json, "warnings", '[');
    for (size_t i = 0; i < found->problem_count; i++) {
        cli_json_text(&json, NULL, found->problems[i]);
    }
    cli_json_end(&json, ']');
    cli_json_end(&json, '}');
    int code = json.failed ? cli_fail(CLI_INTERNAL, "out of memory") : CLI_DONE;
    if (code == CLI_DONE) {
        cli_output_print(output, "%s\n", json.text);
    }
    cli_json_free(&json);
    return code;
}
