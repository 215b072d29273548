/**
 * Every member of a stored row is TEXT or INTEGER: words are stored as words, times as nanoseconds since 1970,
 * durations as nanoseconds, money as pico-USD. What the structs spell as -1, 0 or TACHO_COST_UNKNOWN is NULL in the
 * table, so that SUM, AVG and COUNT of plain SQL leave out what is not known.
 */
#include "history/columns.h"

#include <stddef.h>
#include <string.h>
#include <tachograph/price.h>

typedef enum column_type {
    COLUMN_TEXT,  /* const char *; NULL */
    COLUMN_COUNT, /* int64_t; below 0 = NULL */
    COLUMN_TIME,  /* int64_t; 0 = NULL */
    COLUMN_MONEY, /* int64_t; TACHO_COST_UNKNOWN = NULL */
    COLUMN_FLAG,  /* uint32_t */
    COLUMN_STATE, /* int32_t cost state, stored as its word; NULL = no part in any cost */
    COLUMN_NOTES, /* the blob of the row */
    COLUMN_UNIT   /* int64_t; NULL where the bit of `present` is not set */
} column_type;

typedef struct column_info {
    const char *name;
    column_type type;
    size_t offset;
    uint32_t bit; /* COLUMN_UNIT */
} column_info;

#define VIEW(member) offsetof(tacho__history_row, view.member)
#define ROW(member)  offsetof(tacho__history_row, member)

static const column_info columns[] = {
    {"source", COLUMN_TEXT, VIEW(source), 0},
    {"source_id", COLUMN_TEXT, VIEW(source_id), 0},
    {"id", COLUMN_TEXT, VIEW(id), 0},
    {"parent_id", COLUMN_TEXT, VIEW(parent_id), 0},
    {"trace_id", COLUMN_TEXT, VIEW(trace_id), 0},
    {"session", COLUMN_TEXT, VIEW(session), 0},
    {"kind", COLUMN_TEXT, VIEW(kind), 0},
    {"operation", COLUMN_TEXT, VIEW(operation), 0},
    {"provider", COLUMN_TEXT, VIEW(provider), 0},
    {"model", COLUMN_TEXT, VIEW(model), 0},
    {"requested_model", COLUMN_TEXT, VIEW(requested_model), 0},
    {"tool", COLUMN_TEXT, VIEW(tool), 0},
    {"agent", COLUMN_TEXT, ROW(agent), 0},
    {"outcome", COLUMN_TEXT, VIEW(outcome), 0},
    {"error_category", COLUMN_TEXT, VIEW(error_category), 0},
    {"error_type", COLUMN_TEXT, VIEW(error_type), 0},
    {"started_at_ns", COLUMN_TIME, VIEW(started_at_ns), 0},
    {"ended_at_ns", COLUMN_TIME, VIEW(ended_at_ns), 0},
    {"duration_ns", COLUMN_COUNT, VIEW(duration_ns), 0},
    {"estimated", COLUMN_COUNT, ROW(estimated), 0},
    {"first_token_ns", COLUMN_COUNT, VIEW(first_token_ns), 0},
#define X(unit, field, key, is_token, direction, scale)                                                                \
    {#field, COLUMN_UNIT, VIEW(units) + TACHO_UNIT_##unit * sizeof(int64_t), TACHO_UNIT_BIT(TACHO_UNIT_##unit)},
    TACHO_UNIT_MAP(X)
#undef X
        {"total_tokens", COLUMN_COUNT, VIEW(total_tokens), 0},
    {"cost_pusd", COLUMN_MONEY, VIEW(cost_pusd), 0},
    {"reported_pusd", COLUMN_MONEY, VIEW(reported_pusd), 0},
    {"table_pusd", COLUMN_MONEY, VIEW(table_pusd), 0},
    {"cost_state", COLUMN_STATE, VIEW(cost_state), 0},
    {"price_sheet", COLUMN_TEXT, VIEW(price_sheet), 0},
    {"low_confidence", COLUMN_COUNT, VIEW(low_confidence), 0},
    {"retries", COLUMN_COUNT, VIEW(retries), 0},
    {"interventions", COLUMN_COUNT, VIEW(interventions), 0},
    {"warnings", COLUMN_COUNT, VIEW(warnings), 0},
    {"error_count", COLUMN_COUNT, VIEW(error_count), 0},
    {"tool_calls", COLUMN_COUNT, VIEW(tool_calls), 0},
    {"context_size", COLUMN_COUNT, VIEW(context_size), 0},
    {"context_limit", COLUMN_COUNT, VIEW(context_limit), 0},
    {"compressions", COLUMN_COUNT, VIEW(compressions), 0},
    {"weight", COLUMN_FLAG, VIEW(weight), 0},
    {"notes", COLUMN_NOTES, ROW(notes), 0},
    {"line", COLUMN_TEXT, ROW(line), 0},
    {"line_flags", COLUMN_COUNT, ROW(line_flags), 0},
    {"service_tier", COLUMN_TEXT, VIEW(service_tier), 0},
    {"region", COLUMN_TEXT, VIEW(region), 0},
    {"tags", COLUMN_TEXT, ROW(tags), 0},
};

#define COLUMN_COUNT_ALL ((int)(sizeof columns / sizeof columns[0]))
_Static_assert(sizeof columns / sizeof columns[0] <= sizeof((tacho__selection *)0)->column, "room for all columns");

int tacho__column_count(void) {
    return COLUMN_COUNT_ALL;
}

void tacho__history_row_init(tacho__history_row *row) {
    memset(row, 0, sizeof *row);
    row->view.struct_size = (uint32_t)sizeof row->view;
    row->view.duration_ns = row->view.first_token_ns = row->view.total_tokens = -1;
    row->view.cost_pusd = row->view.reported_pusd = row->view.table_pusd = TACHO_COST_UNKNOWN;
    row->view.context_size = row->view.context_limit = -1;
    row->view.weight = 1;
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        row->view.units[unit] = -1;
    }
}

static bool is_text(const column_info *column) {
    return column->type == COLUMN_TEXT || column->type == COLUMN_STATE;
}

void tacho__columns_declare(tacho__buffer *sql) {
    for (int i = 0; i < COLUMN_COUNT_ALL; i++) {
        tacho__buffer_string(sql, i ? ", " : "");
        tacho__buffer_string(sql, columns[i].name);
        tacho__buffer_string(sql, columns[i].type == COLUMN_NOTES ? " BLOB"
                                  : is_text(&columns[i])          ? " TEXT"
                                                                  : " INTEGER");
        tacho__buffer_string(sql, i <= TACHO__COLUMN_SOURCE_ID ? " NOT NULL" : "");
    }
}

void tacho__selection_all(tacho__selection *selection) {
    selection->count = COLUMN_COUNT_ALL;
    for (int i = 0; i < COLUMN_COUNT_ALL; i++) {
        selection->column[i] = (uint8_t)i;
    }
}

/* What no table of sums shows. */
static bool is_detail(const char *name) {
    static const char *const details[] = {
        "source",     "source_id",      "id",           "parent_id",   "trace_id",    "requested_model", "agent",
        "estimated",  "reported_pusd",  "table_pusd",   "price_sheet", "error_count", "context_limit",   "line",
        "line_flags", "error_category", "service_tier", "region"};
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        if (strcmp(name, details[i]) == 0) {
            return true;
        }
    }
    return false;
}

void tacho__selection_sums(tacho__selection *selection, uint32_t units) {
    selection->count = 0;
    for (int i = 0; i < COLUMN_COUNT_ALL; i++) {
        bool unused = columns[i].type == COLUMN_UNIT && !(columns[i].bit & units);
        if (!unused && !is_detail(columns[i].name)) {
            selection->column[selection->count++] = (uint8_t)i;
        }
    }
}

void tacho__columns_list(tacho__buffer *sql, const tacho__selection *selection) {
    for (int i = 0; i < selection->count; i++) {
        tacho__buffer_string(sql, i ? "," : "");
        tacho__buffer_string(sql, columns[selection->column[i]].name);
    }
}

void tacho__columns_places(tacho__buffer *sql) {
    for (int i = 0; i < COLUMN_COUNT_ALL; i++) {
        tacho__buffer_string(sql, i ? ",?" : "?");
        tacho__buffer_uint(sql, (uint64_t)i + 1);
    }
}

void tacho__columns_assign(tacho__buffer *sql, int fill) {
    for (int i = TACHO__COLUMN_SOURCE_ID + 1; i < COLUMN_COUNT_ALL; i++) {
        const char *name = columns[i].name;
        tacho__buffer_string(sql, i > TACHO__COLUMN_SOURCE_ID + 1 ? "," : "");
        tacho__buffer_string(sql, name);
        tacho__buffer_string(sql, fill ? "=coalesce(" : "=");
        if (fill) {
            tacho__buffer_string(sql, name);
            tacho__buffer_string(sql, ",");
        }
        tacho__buffer_string(sql, "excluded.");
        tacho__buffer_string(sql, name);
        tacho__buffer_string(sql, fill ? ")" : "");
    }
}

/* Places that nothing is bound to are NULL: most columns of most rows. */
static int bind_text(sqlite3_stmt *statement, int place, const char *text) {
    return text ? sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC) : SQLITE_OK;
}

static int bind_number(sqlite3_stmt *statement, int place, int64_t number, bool known) {
    return known ? sqlite3_bind_int64(statement, place, number) : SQLITE_OK;
}

/* A record takes part in costs when it has one or reported usage; a step or a tool call has no state at all. */
static const char *state_word(const tacho_record_view *view) {
    bool part = view->present || view->cost_pusd != TACHO_COST_UNKNOWN || view->cost_state;
    return part ? tacho_cost_state_name((uint32_t)view->cost_state) : NULL;
}

static int bind_column(sqlite3_stmt *statement, int place, const column_info *column, const tacho__history_row *row) {
    const char *member = (const char *)row + column->offset;
    int64_t number = 0;
    switch (column->type) {
    case COLUMN_TEXT:
        return bind_text(statement, place, *(const char *const *)member);
    case COLUMN_STATE:
        return bind_text(statement, place, state_word(&row->view));
    case COLUMN_NOTES:
        return row->notes ? sqlite3_bind_blob64(statement, place, row->notes, row->notes_length, SQLITE_STATIC)
                          : SQLITE_OK;
    case COLUMN_FLAG:
        return bind_number(statement, place, *(const uint32_t *)member, true);
    default:
        memcpy(&number, member, sizeof number);
    }
    bool known = column->type == COLUMN_COUNT   ? number >= 0
                 : column->type == COLUMN_TIME  ? number != 0
                 : column->type == COLUMN_MONEY ? number != TACHO_COST_UNKNOWN
                                                : (row->view.present & column->bit) != 0;
    return bind_number(statement, place, number, known);
}

int tacho__columns_bind(sqlite3_stmt *statement, const tacho__history_row *row) {
    int result = sqlite3_clear_bindings(statement);
    for (int i = 0; i < COLUMN_COUNT_ALL && result == SQLITE_OK; i++) {
        result = bind_column(statement, i + 1, &columns[i], row);
    }
    return result;
}

static void read_column(sqlite3_stmt *statement, int place, const column_info *column, tacho__history_row *row) {
    char *member = (char *)row + column->offset;
    if (column->type == COLUMN_TEXT) { /* NULL gives NULL */
        *(const char **)member = (const char *)sqlite3_column_text(statement, place);
        return;
    }
    if (sqlite3_column_type(statement, place) == SQLITE_NULL) {
        return;
    }
    switch (column->type) {
    case COLUMN_STATE: {
        const char *word = (const char *)sqlite3_column_text(statement, place);
        int state = word ? tacho_cost_state_find(word) : -1;
        row->view.cost_state = state < 0 ? TACHO_COST_STATE_UNKNOWN : state;
        return;
    }
    case COLUMN_NOTES:
        row->notes = sqlite3_column_blob(statement, place);
        row->notes_length = (size_t)sqlite3_column_bytes(statement, place);
        return;
    case COLUMN_FLAG:
        *(uint32_t *)member = (uint32_t)sqlite3_column_int64(statement, place);
        return;
    case COLUMN_UNIT:
        row->view.present |= column->bit;
        break;
    default:
        break;
    }
    *(int64_t *)member = sqlite3_column_int64(statement, place);
}

void tacho__columns_read(sqlite3_stmt *statement, const tacho__selection *selection, tacho__history_row *row) {
    tacho__history_row_init(row);
    for (int i = 0; i < selection->count; i++) {
        read_column(statement, i, &columns[selection->column[i]], row);
    }
}
