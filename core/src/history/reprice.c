/*
 * Stored costs under another price table. A cost is stored with its sheet; a sheet's id is a hash of its content, so
 * the id that a table gives for the same instant says whether the price has changed.
 */
#include "history/store.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "price/usage_fields.h"

#include <stdio.h>
#include <string.h>
#include <tachograph/price.h>

typedef struct repricing {
    tacho_history *history;
    const tacho_price_table *table;
    sqlite3_stmt *update; /* NULL in a dry run */
    tacho_reprice_visit visit;
    void *context;
    tacho_repricing counts;
} repricing;

/* "version/sheet" of an import, or the sheet alone; 0 = none, or several. */
static uint32_t sheet_of(const tacho_record_view *view) {
    const char *slash = view->price_sheet ? strrchr(view->price_sheet, '/') : NULL;
    const char *text = slash ? slash + 1 : view->price_sheet;
    uint64_t sheet;
    return text && strlen(text) == 8 && tacho__hex_parse(text, 8, &sheet) ? (uint32_t)sheet : 0;
}

static tacho_usage usage_of(const tacho_record_view *view) {
    tacho_usage usage = TACHO_USAGE_INIT;
    usage.provider = view->provider;
    usage.model = view->model ? view->model : view->requested_model;
    usage.present = view->present;
    for (uint32_t left = view->present; left; left &= left - 1) {
        int unit = __builtin_ctz(left);
        tacho__usage_counts(&usage)[unit] = view->units[unit];
    }
    return usage;
}

/*
 * The cost of now, in the class of service that is stored. Rows of layout 1 have none: where such a call was served in
 * another class than the standard one, its stored cost and sheet come out again under that class, and nothing changed.
 */
static tacho_status price(const repricing *run, const tacho_record_view *view, tacho_cost *out) {
    static const char *const regions[] = {NULL, "us"};
    tacho_usage usage = usage_of(view);
    int64_t at = view->started_at_ns ? view->started_at_ns : view->ended_at_ns;
    uint32_t stored = view->service_tier ? 0 : sheet_of(view);
    for (uint32_t service = 0; stored && service <= TACHO_PRICE_SERVICE_FAST; service++) {
        for (size_t region = 0; region < sizeof regions / sizeof *regions; region++) {
            usage.service_tier = tacho_price_service_name(service);
            usage.region = regions[region];
            tacho_status status = tacho_calculate_cost(run->table, &usage, at, out);
            if (status != TACHO_OK || (out->sheet == stored && out->total_pusd == view->cost_pusd)) {
                return status;
            }
        }
    }
    usage.service_tier = view->service_tier;
    usage.region = view->region;
    return tacho_calculate_cost(run->table, &usage, at, out);
}

static tacho_status store(const repricing *run, int64_t key, const tacho_cost *cost) {
    char sheet[80];
    snprintf(sheet, sizeof sheet, "%s/%08x", cost->table_version, (unsigned)cost->sheet);
    sqlite3_stmt *update = run->update;
    sqlite3_reset(update);
    sqlite3_clear_bindings(update);
    sqlite3_bind_int64(update, 1, key);
    if (cost->total_pusd != TACHO_COST_UNKNOWN) {
        sqlite3_bind_int64(update, 2, cost->total_pusd);
    }
    if (cost->table_pusd != TACHO_COST_UNKNOWN) {
        sqlite3_bind_int64(update, 3, cost->table_pusd);
    }
    sqlite3_bind_text(update, 4, tacho_cost_state_name(cost->state), -1, SQLITE_STATIC);
    if (cost->sheet) {
        sqlite3_bind_text(update, 5, sheet, -1, SQLITE_STATIC);
    }
    return tacho__store_run(run->history, update);
}

static int64_t known(int64_t pusd) {
    return pusd == TACHO_COST_UNKNOWN ? 0 : pusd;
}

static tacho_status reprice_row(repricing *run, int64_t key, const tacho_record_view *view) {
    tacho_cost cost;
    run->counts.calls++;
    if (view->reported_pusd != TACHO_COST_UNKNOWN || view->cost_state == TACHO_COST_STATE_REPORTED) {
        run->counts.reported++;
        return TACHO_OK;
    }
    if (view->price_sheet && sheet_of(view) == 0) {
        run->counts.parts++;
        return TACHO_OK;
    }
    tacho_status status = price(run, view, &cost);
    if (status != TACHO_OK || (cost.total_pusd == view->cost_pusd && (int32_t)cost.state == view->cost_state)) {
        return status;
    }
    run->counts.changed++;
    run->counts.before_pusd += known(view->cost_pusd);
    run->counts.after_pusd += known(cost.total_pusd);
    if (run->visit) {
        run->visit(run->context, view, &cost);
    }
    return run->update ? store(run, key, &cost) : TACHO_OK;
}

static tacho_status walk(repricing *run, sqlite3_stmt *select) {
    tacho_status status = TACHO_OK;
    int result = SQLITE_ROW;
    while (status == TACHO_OK && (result = sqlite3_step(select)) == SQLITE_ROW) {
        tacho__history_row row;
        tacho__columns_read(select, &run->history->whole, &row);
        if (row.view.present) {
            status = reprice_row(run, sqlite3_column_int64(select, run->history->whole.count), &row.view);
        }
    }
    return status == TACHO_OK ? tacho__store_fail(run->history, result) : status;
}

static tacho_status prepare(tacho_history *history, const char *text, sqlite3_stmt **out) {
    return tacho__store_fail(history, text ? sqlite3_prepare_v2(history->db, text, -1, out, NULL) : SQLITE_NOMEM);
}

static tacho_status reprice_all(repricing *run, bool dry) {
    static const char update[] =
        "UPDATE record SET cost_pusd=?2, table_pusd=?3, cost_state=?4, price_sheet=?5 WHERE key=?1";
    sqlite3_stmt *select = NULL;
    tacho__buffer sql = TACHO__BUFFER_INIT;
    tacho__buffer_string(&sql, "SELECT ");
    tacho__columns_list(&sql, &run->history->whole);
    tacho__buffer_string(&sql, ", key FROM record ORDER BY key");
    tacho_status status = prepare(run->history, tacho__buffer_text(&sql), &select);
    tacho__buffer_free(&sql);
    if (status == TACHO_OK && !dry) {
        status = prepare(run->history, update, &run->update);
    }
    if (status == TACHO_OK) {
        status = walk(run, select);
    }
    sqlite3_finalize(run->update);
    sqlite3_finalize(select);
    return status;
}

tacho_status tacho_history_reprice(tacho_history *history, const tacho_price_table *table, uint32_t flags,
                                   tacho_reprice_visit visit, void *context, tacho_repricing *out) {
    bool dry = (flags & TACHO_REPRICE_DRY_RUN) != 0;
    repricing run = {.history = history, .table = table, .visit = visit, .context = context};
    if (!history || (!dry && history->read_only)) {
        return TACHO_INVALID;
    }
    run.counts.struct_size = (uint32_t)sizeof run.counts;
    tacho_status status = TACHO_OK;
    if (dry) {
        status = tacho__store_ready(history) ? reprice_all(&run, true) : TACHO_OK;
    } else {
        status = tacho__store_begin(history);
        status = status == TACHO_OK ? reprice_all(&run, false) : status;
        status = tacho__store_finish(history, status);
    }
    if (out) {
        *out = run.counts;
    }
    return status;
}
