/* tacho steps: the operations of one session as a tree. */
#include "message.h"
#include "reading.h"

#include <string.h>

/* The heading shows the whole session, also where --since or --limit leave a part of it out. */
static void print_heading(cli_reading *reading, const tacho_summary *summary) {
    char begin[32], end[32];
    const char *from = cli_instant(summary->started_at_ns, begin), *to = cli_instant(summary->ended_at_ns, end);
    const char *session = summary->session;
    cli_reading_title(reading, session != NULL ? "Steps of session " : "Steps of all sessions since the start",
                      session != NULL ? session : "");
    cli_output_print(&reading->output, "%s to %s %s\n\n", from, strncmp(from, to, 11) == 0 ? to + 11 : to,
                     reading->zone.name);
}

static int print_records(cli_reading *reading, const tacho_summary *summary, const tacho_records *records) {
    const cli_arguments *arguments = reading->arguments;
    if (records->count == 0 && !cli_given(arguments, CLI_FLAG_ALLOW_EMPTY)) {
        return cli_fail(CLI_NO_DATA, "no operations of this session in the period (times in %s)", reading->zone.name);
    }
    if (cli_reading_for_people(reading)) {
        print_heading(reading, summary);
    }
    int code =
        cli_written(tacho_write_records(records, reading->format, &reading->style, cli_output_write, &reading->output));
    size_t width = 0;
    if (reading->format == TACHO_FORMAT_TABLE) {
        (void)tacho_write_records(records, TACHO_FORMAT_PLAIN, &reading->style, cli_measure, &width);
        cli_reading_hint_width(reading, width);
    }
    if (records->lost > 0) {
        cli_warn(arguments, "%llu records were overwritten before they were read", (unsigned long long)records->lost);
    }
    if (code == CLI_DONE && records->lost > 0 && cli_given(arguments, CLI_FLAG_STRICT)) {
        return cli_fail(CLI_INCOMPLETE, "incomplete: records lost %llu", (unsigned long long)records->lost);
    }
    return code;
}

/* The summary resolves the session: the newest one, or the one whose id begins so. */
static int read_and_answer(cli_reading *reading, const char *session) {
    tacho_summary *summary;
    tacho_records *records;
    tacho_status status = cli_data_summary(&reading->data, session, &summary);
    if (status == TACHO_NO_DATA) {
        return cli_no_data(reading->arguments, reading->data.path);
    }
    if (status != TACHO_OK) {
        return cli_data_refuse(reading->arguments, &reading->data, session, status);
    }
    reading->query.session = summary->session;
    reading->query.all_kinds = 1;
    int code = cli_reading_describe(reading);
    if (code == CLI_DONE) {
        status = cli_data_records(&reading->data, &reading->query, &records);
        if (status == TACHO_OK) {
            code = print_records(reading, summary, records);
            tacho_records_free(records);
        } else {
            code = cli_data_refuse(reading->arguments, &reading->data, NULL, status);
        }
    }
    tacho_summary_free(summary);
    return code;
}

int cli_steps(const cli_arguments *arguments) {
    cli_reading reading = {.query = TACHO_QUERY_INIT};
    int code = cli_reading_begin(arguments, &reading);
    if (code != CLI_DONE) {
        return code;
    }
    code = read_and_answer(&reading, arguments->operand_count > 0 ? arguments->operands[0] : NULL);
    return cli_reading_end(&reading, cli_reading_unread(&reading, 0, code));
}
