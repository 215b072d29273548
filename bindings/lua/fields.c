/* Structs of the core as Lua tables, by their field tables. Unknown is nil, so a field that is not known is absent. */
#include "module.h"

#include <math.h>
#include <string.h>

void tacho_lua_push_seconds(lua_State *L, int64_t ns) {
    if (ns < 0)
        lua_pushnil(L);
    else
        lua_pushnumber(L, (lua_Number)ns / 1e9);
}

void tacho_lua_push_money(lua_State *L, int64_t pusd) {
    char text[TACHO_MONEY_TEXT_SIZE];
    if (tacho_money_format(pusd, text, sizeof text) == 0)
        lua_pushnil(L);
    else
        lua_pushstring(L, text);
}

static void push_count(lua_State *L, int64_t count) {
    if (count < 0)
        lua_pushnil(L);
    else
        lua_pushinteger(L, count);
}

/* name -> count in rows, name -> seconds in records; nil where there is none. */
static void push_named(lua_State *L, const tacho_named *items, uint32_t count, int seconds) {
    if (count == 0) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, (int)count);
    for (uint32_t i = 0; i < count; i++) {
        if (seconds)
            tacho_lua_push_seconds(L, items[i].value);
        else
            push_count(L, items[i].value);
        lua_setfield(L, -2, items[i].name);
    }
}

static void push_note(lua_State *L, const tacho_note *note) {
    switch (note->type) {
    case TACHO_NOTE_TEXT:
        lua_pushstring(L, note->text);
        break;
    case TACHO_NOTE_INTEGER:
        lua_pushinteger(L, note->integer);
        break;
    case TACHO_NOTE_NUMBER:
        lua_pushnumber(L, note->number);
        break;
    case TACHO_NOTE_BOOLEAN:
        lua_pushboolean(L, note->integer != 0);
        break;
    default:
        lua_pushnil(L);
        break;
    }
}

static void push_notes(lua_State *L, const tacho_note *notes, uint32_t count) {
    lua_createtable(L, 0, (int)count);
    for (uint32_t i = 0; i < count; i++) {
        push_note(L, &notes[i]);
        lua_setfield(L, -2, notes[i].name);
    }
}

static void push_events(lua_State *L, const tacho_event *events, uint32_t count) {
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        lua_createtable(L, 0, 3);
        lua_pushstring(L, events[i].name);
        lua_setfield(L, -2, "name");
        tacho_lua_push_instant(L, events[i].at_ns);
        lua_setfield(L, -2, "at");
        push_notes(L, events[i].fields, events[i].field_count);
        lua_setfield(L, -2, "fields");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* A figure of a custom metric: whole numbers of bytes and tokens as integers, everything else as a float. */
static void push_scaled(lua_State *L, int64_t value, uint32_t digits) {
    if (value == TACHO_VALUE_UNKNOWN)
        lua_pushnil(L);
    else if (digits == 0)
        lua_pushinteger(L, value);
    else
        lua_pushnumber(L, (lua_Number)value / (digits == 9 ? 1e9 : 1e6));
}

static void push_tags(lua_State *L, const tacho_tag *tags, uint32_t count) {
    lua_createtable(L, 0, (int)count);
    for (uint32_t i = 0; i < count; i++) {
        lua_pushstring(L, tags[i].value); /* nil for NULL */
        lua_setfield(L, -2, tags[i].name);
    }
}

static void push_value(lua_State *L, const tacho_field *field, const char *at, int named_seconds) {
    switch ((tacho_field_type)field->type) {
    case TACHO_FIELD_TEXT:
        lua_pushstring(L, *(const char *const *)at);
        return;
    case TACHO_FIELD_COUNT:
        push_count(L, *(const int64_t *)at);
        return;
    case TACHO_FIELD_SECONDS:
        tacho_lua_push_seconds(L, *(const int64_t *)at);
        return;
    case TACHO_FIELD_MILLIS:
        tacho_lua_push_seconds(L, *(const int64_t *)at < 0 ? -1 : *(const int64_t *)at * 1000000);
        return;
    case TACHO_FIELD_USD:
        tacho_lua_push_money(L, *(const int64_t *)at);
        return;
    case TACHO_FIELD_RATIO:
        if (isnan(*(const double *)at))
            lua_pushnil(L);
        else
            lua_pushnumber(L, *(const double *)at);
        return;
    case TACHO_FIELD_TIME:
        if (*(const int64_t *)at == 0)
            lua_pushnil(L);
        else
            tacho_lua_push_instant(L, *(const int64_t *)at);
        return;
    case TACHO_FIELD_STATE:
        lua_pushstring(L, tacho_cost_state_name((uint32_t) * (const int32_t *)at));
        return;
    case TACHO_FIELD_NAMED:
        push_named(L, *(const tacho_named *const *)at, *(const uint32_t *)(at + sizeof(tacho_named *)), named_seconds);
        return;
    case TACHO_FIELD_SCALED: /* the digits stand at offset 4 of the struct */
        push_scaled(L, *(const int64_t *)at, *(const uint32_t *)(at - field->offset + sizeof(uint32_t)));
        return;
    case TACHO_FIELD_NOTES:
        push_notes(L, *(const tacho_note *const *)at, *(const uint32_t *)(at + sizeof(tacho_note *)));
        return;
    case TACHO_FIELD_EVENTS:
        push_events(L, *(const tacho_event *const *)at, *(const uint32_t *)(at + sizeof(tacho_event *)));
        return;
    case TACHO_FIELD_TAGS:
        push_tags(L, *(const tacho_tag *const *)at, *(const uint32_t *)(at + sizeof(tacho_tag *)));
        return;
    }
    lua_pushnil(L); /* a type of a later version */
}

static void push_struct(lua_State *L, const tacho_field *fields, size_t count, const void *base, int named_seconds) {
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        push_value(L, &fields[i], (const char *)base + fields[i].offset, named_seconds);
        lua_setfield(L, -2, fields[i].name);
    }
}

void tacho_lua_push_row(lua_State *L, const tacho_row *row) {
    size_t count;
    const tacho_field *fields = tacho_row_fields(&count);
    push_struct(L, fields, count, row, 0);
}

void tacho_lua_push_metric(lua_State *L, const tacho_metric_row *row) {
    size_t count;
    const tacho_field *fields = tacho_metric_fields(&count);
    push_struct(L, fields, count, row, 0);
}

void tacho_lua_push_cache(lua_State *L, const tacho_cache_row *row) {
    size_t count;
    const tacho_field *fields = tacho_cache_fields(&count);
    push_struct(L, fields, count, row, 0);
}

void tacho_lua_push_record(lua_State *L, const tacho_record_view *record) {
    size_t count;
    const tacho_field *fields = tacho_record_fields(&count);
    push_struct(L, fields, count, record, 1);
}

void tacho_lua_push_system(lua_State *L, const tacho_system *system) {
    size_t count;
    const tacho_field *fields = tacho_system_fields(&count);
    push_struct(L, fields, count, system, 0);
}

void tacho_lua_push_quality(lua_State *L, const tacho_summary *summary) {
    size_t count, names;
    const tacho_field *fields = tacho_summary_fields(&count);
    const char *const *quality = tacho_summary_quality(&names);
    lua_createtable(L, 0, (int)names);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < names; j++)
            if (strcmp(fields[i].name, quality[j]) == 0) {
                push_value(L, &fields[i], (const char *)summary + fields[i].offset, 0);
                lua_setfield(L, -2, fields[i].name);
            }
}

void tacho_lua_push_scalars(lua_State *L, const tacho_summary *summary) {
    size_t count;
    const tacho_field *fields = tacho_summary_fields(&count);
    push_struct(L, fields, count, summary, 0);
}
