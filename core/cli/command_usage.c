/* tacho usage: rows by one key. */
#include "arguments.h"
#include "message.h"
#include "reading.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 128

/* What the flags of this command alone say. */
typedef struct usage_flags {
    const char *columns[COLUMNS_MAX + 1]; /* NULL-terminated */
    int has_columns;
    char *text; /* that `columns` point into */
    char *keys; /* that the query points into */
    const tacho_field *sort;
    int is_turned; /* --sort -COLUMN */
} usage_flags;

/* -------------------------------------------------------------------------------------------------------- flags */

static int refuse_key(const char *key, tacho_status status) {
    const char *words[TACHO_BY_COUNT];
    for (int i = 0; i < TACHO_BY_COUNT; i++) {
        words[i] = tacho_by_text(i);
    }
    return status == TACHO_LIMIT ? cli_fail(CLI_USAGE, "--by: %d tags are the most", TACHO_TAGS_MAX)
                                 : cli_refuse_word(CLI_FLAG_BY, key, words, TACHO_BY_COUNT);
}

/* Keys with commas between; the query points into a copy. */
static int read_by(const cli_arguments *arguments, usage_flags *flags, tacho_query *query) {
    const char *list = arguments->value[CLI_FLAG_BY];
    if (list == NULL) {
        return CLI_DONE;
    }
    flags->keys = strdup(list);
    int first = 1;
    for (char *rest = flags->keys, *key; rest != NULL && (key = strsep(&rest, ",")) != NULL; first = 0) {
        key += strspn(key, " ");
        const tacho_status status = first ? tacho_query_by(query, key) : tacho_query_by_also(query, key);
        if (status != TACHO_OK) {
            return refuse_key(key, status);
        }
    }
    return first ? cli_fail(CLI_INTERNAL, "out of memory") : CLI_DONE;
}

static const tacho_field *find_field(const char *name) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static int refuse_column(cli_flag flag, const char *name) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    const char *names[COLUMNS_MAX];
    count = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    for (size_t i = 0; i < count; i++) {
        names[i] = fields[i].name;
    }
    return cli_refuse_word(flag, name, names, count);
}

static int read_sort(const cli_arguments *arguments, usage_flags *flags) {
    const char *text = arguments->value[CLI_FLAG_SORT];
    if (text == NULL) {
        return CLI_DONE;
    }
    flags->is_turned = text[0] == '-';
    flags->sort = find_field(text + flags->is_turned);
    return flags->sort != NULL ? CLI_DONE : refuse_column(CLI_FLAG_SORT, text + flags->is_turned);
}

static int read_columns(const cli_arguments *arguments, usage_flags *flags) {
    const char *list = arguments->value[CLI_FLAG_COLUMNS];
    if (list == NULL) {
        return CLI_DONE;
    }
    flags->text = strdup(list);
    size_t count = 0;
    char *rest;
    for (char *name = flags->text != NULL ? strtok_r(flags->text, ", ", &rest) : NULL; name != NULL;
         name = strtok_r(NULL, ", ", &rest)) {
        if (find_field(name) == NULL || count == COLUMNS_MAX) {
            return refuse_column(CLI_FLAG_COLUMNS, name);
        }
        flags->columns[count++] = name;
    }
    flags->columns[count] = NULL;
    flags->has_columns = 1;
    return count > 0 ? CLI_DONE : cli_fail(CLI_USAGE, "--columns: '%s' names no column", list);
}

/* ------------------------------------------------------------------------------------------------------- sorting */

static const void *field_of(const tacho_row *row, const tacho_field *field) {
    return (const char *)row + field->offset;
}

/* A number of any field as a double, which is exact enough to sort by; NaN = unknown. */
static double number_of(const tacho_row *row, const tacho_field *field) {
    int64_t value;
    if (field->type == TACHO_FIELD_RATIO) {
        double ratio;
        memcpy(&ratio, field_of(row, field), sizeof(ratio));
        return ratio;
    }
    if (field->type == TACHO_FIELD_STATE) {
        int32_t state;
        memcpy(&state, field_of(row, field), sizeof(state));
        return state;
    }
    if (field->type == TACHO_FIELD_NAMED) {
        uint32_t count;
        memcpy(&count, (const char *)field_of(row, field) + sizeof(void *), sizeof(count));
        return count;
    }
    memcpy(&value, field_of(row, field), sizeof(value));
    int is_unknown = field->type == TACHO_FIELD_USD    ? value == TACHO_COST_UNKNOWN
                     : field->type == TACHO_FIELD_TIME ? value == 0
                                                       : value < 0;
    return is_unknown ? (double)NAN : (double)value;
}

/* Text of a field, of tags the value of the first; NULL = unknown. */
static const char *text_of(const tacho_row *row, const tacho_field *field) {
    const char *text;
    if (field->type == TACHO_FIELD_TAGS) {
        return row->tag_count > 0 ? row->tags[0].value : NULL;
    }
    memcpy(&text, field_of(row, field), sizeof(text));
    return text;
}

/* Texts rise, numbers fall; what is unknown stands last either way. */
static int compare(const void *left, const void *right, void *context) {
    const usage_flags *flags = context;
    const tacho_row *a = left, *b = right;
    int order;
    if (flags->sort->type == TACHO_FIELD_TEXT || flags->sort->type == TACHO_FIELD_TAGS) {
        const char *x = text_of(a, flags->sort), *y = text_of(b, flags->sort);
        if (x == NULL || y == NULL) {
            return (x == NULL) - (y == NULL);
        }
        order = strcmp(x, y);
    } else {
        double x = number_of(a, flags->sort), y = number_of(b, flags->sort);
        if (isnan(x) || isnan(y)) {
            return isnan(x) - isnan(y);
        }
        order = (x < y) - (x > y);
    }
    return flags->is_turned ? -order : order;
}

/* Sorts and cuts a copy of the rows; the totals stay those of all. NULL = out of memory. */
static tacho_row *sorted(const tacho_rows *rows, usage_flags *flags, uint32_t limit, tacho_rows *view) {
    tacho_row *copy = malloc((rows->count + 1) * sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    *view = *rows;
    if (rows->count > 0) {
        memcpy(copy, rows->rows, rows->count * sizeof(*copy));
    }
    if (flags->sort != NULL) {
        qsort_r(copy, rows->count, sizeof(*copy), compare, flags);
    }
    view->rows = copy;
    view->count = limit > 0 && limit < rows->count ? limit : rows->count;
    return copy;
}

/* ------------------------------------------------------------------------------------------------------- printing */

/* Period, zone and prices belong to every answer; a narrow terminal gets them on lines of their own. */
static void print_heading(cli_reading *reading, const tacho_rows *rows) {
    char begin[32], end[32], period[96] = "";
    const char *from = cli_instant(rows->totals.started_at_ns, begin);
    const char *to = cli_instant(rows->totals.ended_at_ns, end);
    if (rows->totals.started_at_ns != 0 && rows->totals.ended_at_ns != 0) {
        snprintf(period, sizeof(period), "%s to %s ", from, strncmp(from, to, 11) == 0 ? to + 11 : to);
    }
    const char *keys = reading->arguments->value[CLI_FLAG_BY];
    cli_reading_title(reading, "Usage by ", keys != NULL ? keys : tacho_by_text((int)rows->by));
    int length = snprintf(NULL, 0, "%s%s, prices of %s", period, reading->zone.name, reading->prices);
    int is_narrow = reading->format == TACHO_FORMAT_TABLE && (uint32_t)length > reading->style.width;
    cli_output_print(&reading->output, "%s%s", period, reading->zone.name);
    if (reading->prices[0] != '\0') {
        cli_output_print(&reading->output, "%sprices of %s", is_narrow ? ",\n" : ", ", reading->prices);
    }
    cli_output_print(&reading->output, "\n\n");
}

static int print_rows(cli_reading *reading, const tacho_rows *rows, const usage_flags *flags) {
    if (cli_reading_for_people(reading)) {
        print_heading(reading, rows);
        for (size_t i = 0; i < rows->warning_count; i++) {
            cli_warn(reading->arguments, "%s", rows->warnings[i]);
        }
    }
    int code =
        cli_written(tacho_write_rows(rows, reading->format, "tacho.usage/1", flags->has_columns ? flags->columns : NULL,
                                     &reading->style, cli_output_write, &reading->output));
    size_t width = 0;
    if (reading->format == TACHO_FORMAT_TABLE && !flags->has_columns) {
        (void)tacho_write_rows(rows, TACHO_FORMAT_PLAIN, NULL, NULL, &reading->style, cli_measure, &width);
        cli_reading_hint_width(reading, width);
    }
    return code;
}

static int refuse_nothing(const cli_reading *reading) {
    const char *since = reading->arguments->value[CLI_FLAG_SINCE], *until = reading->arguments->value[CLI_FLAG_UNTIL];
    return cli_fail(CLI_NO_DATA, "nothing in %s matches%s%s%s%s (times in %s)", reading->data.path,
                    since != NULL ? " --since " : "", since != NULL ? since : "", until != NULL ? " --until " : "",
                    until != NULL ? until : "", reading->zone.name);
}

static int answer(cli_reading *reading, const tacho_rows *rows, usage_flags *flags, uint32_t limit) {
    if (rows->count == 0 && !cli_given(reading->arguments, CLI_FLAG_ALLOW_EMPTY)) {
        return refuse_nothing(reading);
    }
    tacho_rows view;
    tacho_row *copy = sorted(rows, flags, limit, &view);
    if (copy == NULL) {
        return cli_fail(CLI_INTERNAL, "out of memory");
    }
    int code = print_rows(reading, &view, flags);
    free(copy);
    if (code == CLI_DONE && cli_given(reading->arguments, CLI_FLAG_STRICT) &&
        (rows->totals.unpriced_calls > 0 || cli_is_partial(&rows->totals))) {
        return cli_fail(CLI_INCOMPLETE, "incomplete: calls without a price %lld%s",
                        (long long)rows->totals.unpriced_calls,
                        cli_is_partial(&rows->totals) ? ", and the cost is a lower bound" : "");
    }
    return code;
}

static int read_and_answer(cli_reading *reading, usage_flags *flags) {
    tacho_rows *rows;
    int code = cli_reading_describe(reading);
    if (code != CLI_DONE) {
        return code;
    }
    tacho_query query = reading->query;
    query.limit = 0; /* sorted first, cut then */
    tacho_status status = cli_data_usage(&reading->data, &query, &rows);
    if (status != TACHO_OK) {
        return cli_data_refuse(reading->arguments, &reading->data, query.session, status);
    }
    code = answer(reading, rows, flags, reading->query.limit);
    tacho_rows_free(rows);
    return code;
}

int cli_usage(const cli_arguments *arguments) {
    cli_reading reading = {.query = TACHO_QUERY_INIT};
    usage_flags flags = {.text = NULL};
    int code = read_by(arguments, &flags, &reading.query);
    if (code == CLI_DONE) {
        code = read_sort(arguments, &flags);
    }
    if (code == CLI_DONE) {
        code = read_columns(arguments, &flags);
    }
    if (code == CLI_DONE) {
        code = cli_reading_begin(arguments, &reading);
        if (code == CLI_DONE) {
            code = read_and_answer(&reading, &flags);
            int is_told = cli_reading_for_people(&reading) && (code == CLI_DONE || code == CLI_INCOMPLETE);
            code = cli_reading_end(&reading, cli_reading_unread(&reading, is_told, code));
        }
    }
    free(flags.text);
    free(flags.keys);
    return code;
}
