/* tacho summary, and tacho without a command: one session. */
#include "message.h"
#include "reading.h"

static int check_complete(const cli_reading *reading, const tacho_summary *summary) {
    int is_partial = summary->cost_state == TACHO_COST_STATE_PARTIAL;
    if (!cli_given(reading->arguments, CLI_FLAG_STRICT) ||
        (summary->unpriced_calls <= 0 && summary->records_lost <= 0 && !is_partial)) {
        return CLI_DONE;
    }
    return cli_fail(CLI_INCOMPLETE, "incomplete: calls without a price %lld, records lost %lld%s",
                    (long long)(summary->unpriced_calls > 0 ? summary->unpriced_calls : 0),
                    (long long)(summary->records_lost > 0 ? summary->records_lost : 0),
                    is_partial ? ", and the cost is a lower bound" : "");
}

static int read_and_answer(cli_reading *reading, const char *session) {
    tacho_summary *summary;
    tacho_status status = cli_data_summary(&reading->data, session, &summary);
    if (status == TACHO_NO_DATA) {
        return cli_no_data(reading->arguments, reading->data.path);
    }
    if (status != TACHO_OK) {
        return cli_data_refuse(reading->arguments, &reading->data, session, status);
    }
    int is_empty = summary->total_operations <= 0 && summary->total_tool_calls <= 0 && summary->model_calls <= 0 &&
                   (summary->caches == NULL || summary->caches->count == 0) &&
                   (summary->metrics == NULL || summary->metrics->count == 0);
    reading->query.session = summary->session;
    int code = cli_reading_describe(reading);
    if (code == CLI_DONE && is_empty && !cli_given(reading->arguments, CLI_FLAG_ALLOW_EMPTY)) {
        code = cli_no_data(reading->arguments, reading->data.path);
    } else if (code == CLI_DONE) {
        code = cli_written(
            tacho_write_summary(summary, reading->format, &reading->style, cli_output_write, &reading->output));
        code = code == CLI_DONE ? check_complete(reading, summary) : code;
    }
    tacho_summary_free(summary);
    return code;
}

int cli_summary(const cli_arguments *arguments) {
    cli_reading reading = {.query = TACHO_QUERY_INIT};
    int code = cli_reading_begin(arguments, &reading);
    if (code != CLI_DONE) {
        return code;
    }
    code = read_and_answer(&reading, arguments->operand_count > 0 ? arguments->operands[0] : NULL);
    return cli_reading_end(&reading, cli_reading_unread(&reading, 0, code));
}
