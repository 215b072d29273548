#include "codec/text_table.h"

#include "base/memory.h"
#include "codec/text_width.h"

#include <string.h>

#define GAP  2
#define BOLD "\033[1m"
#define RED  "\033[31m"
#define END  "\033[0m"

void tacho__text_table_begin(tacho__text_table *table) {
    *table = (tacho__text_table){.footer = SIZE_MAX};
}

void tacho__text_table_free(tacho__text_table *table) {
    tacho__arena_free(&table->arena);
    tacho__free(table->cells);
    tacho__text_table_begin(table);
}

void tacho__text_column_add(tacho__text_table *table, tacho__text_column column) {
    if (table->column_count < TACHO__TEXT_COLUMNS) {
        table->columns[table->column_count++] = column;
    }
}

void tacho__text_row(tacho__text_table *table) {
    if (table->row_count == table->row_room) {
        size_t room = table->row_room ? table->row_room * 2 : 32;
        const char **cells = tacho__realloc(table->cells, room * table->column_count * sizeof *cells);
        if (!cells) {
            table->arena.failed = true;
            return;
        }
        table->cells = cells;
        table->row_room = room;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        table->cells[table->row_count * table->column_count + i] = "";
    }
    table->row_count++;
}

void tacho__text_cell(tacho__text_table *table, size_t column, const char *text) {
    if (text && column < table->column_count && table->row_count > 0 && !table->arena.failed) {
        const char *copy = tacho__arena_text(&table->arena, text);
        table->cells[(table->row_count - 1) * table->column_count + column] = copy ? copy : "";
    }
}

void tacho__text_footer(tacho__text_table *table) {
    table->footer = table->row_count;
}

/* ---------------------------------------------------------------------------------------------------------- writing */

static const char *cell(const tacho__text_table *table, size_t row, size_t column) {
    return table->cells[row * table->column_count + column];
}

/* What of a table is shown, and how wide. */
typedef struct shape {
    size_t width[TACHO__TEXT_COLUMNS];
    bool shown[TACHO__TEXT_COLUMNS];
    size_t total;
} shape;

static void measure(const tacho__text_table *table, shape *plan) {
    for (size_t column = 0; column < table->column_count; column++) {
        size_t widest = tacho__text_width(table->columns[column].title);
        for (size_t row = 0; row < table->row_count; row++) {
            size_t width = tacho__text_width(cell(table, row, column));
            widest = width > widest ? width : widest;
        }
        plan->width[column] = widest;
        plan->shown[column] = true;
    }
}

static void add_up(const tacho__text_table *table, const tacho__text_layout *layout, shape *plan) {
    plan->total = layout->indent;
    size_t shown = 0;
    for (size_t column = 0; column < table->column_count; column++) {
        if (plan->shown[column]) {
            plan->total += plan->width[column] + (shown++ > 0 ? GAP : 0);
        }
    }
}

/* Leaves columns out until the table fits. False if it cannot. */
static bool fit(const tacho__text_table *table, const tacho__text_layout *layout, shape *plan) {
    add_up(table, layout, plan);
    while (layout->width > 0 && plan->total > layout->width) {
        size_t victim = SIZE_MAX;
        for (size_t column = 0; column < table->column_count; column++) {
            uint8_t rank = table->columns[column].rank;
            if (plan->shown[column] && rank > 0 && (victim == SIZE_MAX || rank >= table->columns[victim].rank)) {
                victim = column;
            }
        }
        if (victim == SIZE_MAX) {
            return false;
        }
        plan->shown[victim] = false;
        add_up(table, layout, plan);
    }
    return true;
}

static void blanks(tacho__buffer *out, size_t count) {
    while (count-- > 0) {
        tacho__buffer_byte(out, ' ');
    }
}

static bool alarming(const tacho__text_column *column, const char *text) {
    return column->red && *text && strcmp(text, "0") != 0 && strcmp(text, "-") != 0;
}

static void show(tacho__buffer *out, const tacho__text_layout *layout, const char *text, const char *colour) {
    bool coloured = layout->color && colour;
    if (coloured) {
        tacho__buffer_string(out, colour);
    }
    tacho__text_show(out, text, layout->ascii);
    if (coloured) {
        tacho__buffer_string(out, END);
    }
}

/* One line; `row` SIZE_MAX = the titles. Blanks at its end are left out. */
static void write_line(const tacho__text_table *table, const tacho__text_layout *layout, const shape *plan, size_t row,
                       tacho__buffer *out) {
    size_t owed = layout->indent;
    bool bold = row == SIZE_MAX || row >= table->footer;
    for (size_t column = 0; column < table->column_count; column++) {
        if (!plan->shown[column]) {
            continue;
        }
        const tacho__text_column *about = &table->columns[column];
        const char *text = row == SIZE_MAX ? about->title : cell(table, row, column);
        size_t pad = plan->width[column] - tacho__text_width(text);
        blanks(out, *text ? owed + (about->right ? pad : 0) : 0);
        owed = *text ? (about->right ? 0 : pad) + GAP : owed + plan->width[column] + GAP;
        const char *colour = row != SIZE_MAX && alarming(about, text) ? RED : bold ? BOLD : NULL;
        show(out, layout, text, *text ? colour : NULL);
    }
    tacho__buffer_byte(out, '\n');
}

static void write_rule(const tacho__text_layout *layout, size_t total, tacho__buffer *out) {
    blanks(out, layout->indent);
    for (size_t i = layout->indent; i < total; i++) {
        tacho__buffer_byte(out, '-');
    }
    tacho__buffer_byte(out, '\n');
}

/* Rows as blocks: the first cell, then a line per value. */
static void write_blocks(const tacho__text_table *table, const tacho__text_layout *layout, tacho__buffer *out) {
    size_t widest = 0;
    for (size_t column = 1; column < table->column_count; column++) {
        size_t width = tacho__text_width(table->columns[column].title);
        widest = width > widest ? width : widest;
    }
    for (size_t row = 0; row < table->row_count; row++) {
        blanks(out, layout->indent);
        show(out, layout, cell(table, row, 0), BOLD);
        tacho__buffer_byte(out, '\n');
        for (size_t column = 1; column < table->column_count; column++) {
            const tacho__text_column *about = &table->columns[column];
            const char *text = cell(table, row, column);
            if (*text) {
                blanks(out, layout->indent + GAP);
                tacho__buffer_string(out, about->title);
                blanks(out, widest - tacho__text_width(about->title) + GAP);
                show(out, layout, text, alarming(about, text) ? RED : NULL);
                tacho__buffer_byte(out, '\n');
            }
        }
    }
}

tacho_status tacho__text_table_write(const tacho__text_table *table, const tacho__text_layout *layout,
                                     tacho__buffer *out) {
    if (table->arena.failed) {
        return TACHO_NOMEM;
    }
    shape plan;
    measure(table, &plan);
    if (!fit(table, layout, &plan)) {
        write_blocks(table, layout, out);
        return tacho__buffer_status(out);
    }
    write_line(table, layout, &plan, SIZE_MAX, out);
    for (size_t row = 0; row < table->row_count; row++) {
        if (row == table->footer) {
            write_rule(layout, plan.total, out);
        }
        write_line(table, layout, &plan, row, out);
    }
    return tacho__buffer_status(out);
}
