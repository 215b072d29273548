#include "reading.h"
#include "arguments.h"
#include "message.h"
#include "when.h"
#include "zone.h"

#include <string.h>
#include <time.h>

static int check_color(const cli_arguments *arguments) {
    static const char *const words[] = {"auto", "always", "never"};
    const char *value = arguments->value[CLI_FLAG_COLOR];
    for (size_t i = 0; value != NULL && i < 3; i++) {
        if (strcmp(value, words[i]) == 0) {
            return CLI_DONE;
        }
    }
    return value == NULL ? CLI_DONE : cli_refuse_word(CLI_FLAG_COLOR, value, words, 3);
}

static int check_flags(const cli_arguments *arguments, cli_reading *reading) {
    int code = check_color(arguments);
    if (code == CLI_DONE) {
        code = cli_format_read(arguments, TACHO_FORMAT_TABLE, &reading->format);
    }
    if (code == CLI_DONE) {
        code = cli_limit_read(arguments, &reading->query.limit);
    }
    if (code == CLI_DONE) {
        code = cli_where_read(arguments, &reading->query);
    }
    if (code == CLI_DONE) {
        code = cli_zone_set(arguments, &reading->zone);
    }
    return code == CLI_DONE ? cli_period_read(arguments, cli_now_ns(), &reading->query) : code;
}

int cli_reading_begin(const cli_arguments *arguments, cli_reading *reading) {
    reading->arguments = arguments;
    int code = check_flags(arguments, reading);
    if (code == CLI_DONE) {
        code = cli_data_open(arguments, &reading->data);
    }
    if (code != CLI_DONE) {
        return code;
    }
    cli_tell(arguments, "time zone %s", reading->zone.name);
    code = cli_output_open(arguments, &reading->output);
    if (code != CLI_DONE) {
        cli_data_close(&reading->data);
        return code;
    }
    reading->style = (tacho_style)TACHO_STYLE_INIT;
    cli_style_read(arguments, &reading->output, &reading->style);
    reading->style.zone = &reading->zone;
    reading->style.generated_at_ns = cli_now_ns();
    reading->query.zone = &reading->zone;
    /* Where nobody looks at the width, nothing is left out for want of it. */
    if (arguments->value[CLI_FLAG_FORMAT] == NULL && !reading->output.is_terminal && !reading->style.color) {
        reading->format = TACHO_FORMAT_PLAIN;
    }
    return CLI_DONE;
}

int cli_reading_describe(cli_reading *reading) {
    cli_data_prices(&reading->data, reading->prices);
    reading->style.query_json =
        cli_query_json(&reading->json, reading->arguments, reading->data.path, reading->prices, &reading->query);
    return reading->style.query_json != NULL ? CLI_DONE : cli_fail(CLI_INTERNAL, "out of memory");
}

int cli_reading_unread(const cli_reading *reading, int is_told, int code) {
    char lack[256];
    uint64_t unread = tacho_snapshot_unread(reading->data.snapshot, lack, sizeof(lack));
    if (unread > 0 && !is_told) {
        cli_warn(reading->arguments, "%s", lack);
    }
    if (unread > 0 && code == CLI_DONE && cli_given(reading->arguments, CLI_FLAG_STRICT)) {
        return cli_fail(CLI_INCOMPLETE, "incomplete: segments not read %llu", (unsigned long long)unread);
    }
    return code;
}

int cli_reading_end(cli_reading *reading, int code) {
    code = cli_output_close(&reading->output, code);
    cli_json_free(&reading->json);
    cli_data_close(&reading->data);
    return code;
}

int cli_reading_for_people(const cli_reading *reading) {
    return reading->format == TACHO_FORMAT_TABLE || reading->format == TACHO_FORMAT_PLAIN;
}

void cli_reading_title(cli_reading *reading, const char *title, const char *of) {
    int is_bold = reading->style.color && reading->format == TACHO_FORMAT_TABLE;
    cli_output_print(&reading->output, "%s%s%s%s\n", is_bold ? "\033[1m" : "", title, of, is_bold ? "\033[0m" : "");
}

int cli_measure(void *context, const char *bytes, size_t length) {
    size_t *width = context;
    const char *end = memchr(bytes, '\n', length);
    *width += end != NULL ? (size_t)(end - bytes) : length;
    return end != NULL;
}

void cli_reading_hint_width(const cli_reading *reading, size_t width) {
    if (width > reading->style.width) {
        cli_hint(reading->arguments, "Columns are left out at this width; all of them: --format plain");
    }
}

int cli_written(tacho_status status) {
    /* A writer that was stopped was stopped by the output, which tells why. */
    return status == TACHO_OK || status == TACHO_STOPPED ? CLI_DONE
                                                         : cli_fail(CLI_INTERNAL, "%s", tacho_status_text(status));
}

const char *cli_instant(int64_t unix_ns, char out[32]) {
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm local;
    if (unix_ns == 0 || localtime_r(&seconds, &local) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M", &local) == 0) {
        return "-";
    }
    return out;
}
