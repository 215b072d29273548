/* Metadata and events: tables of the program as notes of the core. */
#include "module.h"

#include <string.h>

/* Pushes the value at the top as a note reads it: other values than text, number and truth as tostring() tells them. */
static void read_value(lua_State *L, tacho_note *note) {
    switch (lua_type(L, -1)) {
    case LUA_TBOOLEAN:
        note->type = TACHO_NOTE_BOOLEAN;
        note->integer = lua_toboolean(L, -1);
        break;
    case LUA_TNUMBER:
        note->type = lua_isinteger(L, -1) ? TACHO_NOTE_INTEGER : TACHO_NOTE_NUMBER;
        note->integer = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        note->number = lua_tonumber(L, -1);
        break;
    case LUA_TSTRING:
        note->type = TACHO_NOTE_TEXT;
        note->text = lua_tostring(L, -1);
        break;
    default:
        luaL_error(L, "metadata and fields are text, numbers and truth, not %s", luaL_typename(L, -1));
    }
}

/* The notes stay on the stack, above the table, as long as the caller needs them. */
const tacho_note *tacho_lua_read_notes(lua_State *L, int table, uint32_t *count) {
    size_t room = 0;
    table = lua_absindex(L, table);
    luaL_checktype(L, table, LUA_TTABLE);
    luaL_checkstack(L, 8, NULL);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1), room++)
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "names of metadata and fields are strings, got %s", luaL_typename(L, -2));
    tacho_note *notes = lua_newuserdatauv(L, (room + 1) * sizeof *notes, 0);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        tacho_note *note = &notes[*count];
        *note = (tacho_note){.name = lua_tostring(L, -2)};
        read_value(L, note);
        *count += *note->name != 0;
    }
    return notes;
}

static char *keep_text(char *at, const char **text) {
    if (*text == NULL)
        return at;
    size_t length = strlen(*text) + 1;
    memcpy(at, *text, length);
    *text = at;
    return at + length;
}

/* A copy of the notes with their texts, as a userdata on top. */
static const tacho_note *push_copy(lua_State *L, const tacho_note *tags, uint32_t tag_count, const tacho_note *more,
                                   uint32_t more_count) {
    uint32_t count = tag_count + more_count;
    size_t bytes = count * sizeof(tacho_note);
    for (uint32_t i = 0; i < count; i++) {
        const tacho_note *note = i < tag_count ? &tags[i] : &more[i - tag_count];
        bytes += strlen(note->name) + 1 + (note->text ? strlen(note->text) + 1 : 0);
    }
    tacho_note *notes = lua_newuserdatauv(L, bytes, 0);
    char *texts = (char *)(notes + count);
    for (uint32_t i = 0; i < count; i++) {
        notes[i] = i < tag_count ? tags[i] : more[i - tag_count];
        texts = keep_text(texts, &notes[i].name);
        texts = keep_text(texts, &notes[i].text);
    }
    return notes;
}

const tacho_note *tacho_lua_push_notes(lua_State *L, const tacho_collector *collector, const tacho_lua_labels *labels,
                                       int options, uint32_t *count) {
    tacho_note tags[TACHO_LUA_TAGS];
    uint32_t tag_count = 0;
    const tacho_note *metadata = NULL;
    *count = 0;
    int top = lua_gettop(L);
    for (uint32_t i = 0; i < labels->labels.tag_count; i++)
        if (!tacho_collector_has_tag(collector, labels->tags[i].name))
            tags[tag_count++] =
                (tacho_note){.name = labels->tags[i].name, .type = TACHO_NOTE_TEXT, .text = labels->tags[i].value};
    if (tacho_lua_option(L, options, "metadata") != LUA_TNIL)
        metadata = tacho_lua_read_notes(L, -1, count);
    *count += tag_count;
    if (*count == 0)
        lua_pushnil(L);
    const tacho_note *notes = *count == 0 ? NULL : push_copy(L, tags, tag_count, metadata, *count - tag_count);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return notes;
}

/* op:event(name [, fields]) */
int tacho_lua_event(lua_State *L) {
    tacho_operation *op = tacho_lua_check_operation(L, 1);
    const char *name = luaL_checkstring(L, 2);
    uint32_t count = 0;
    const tacho_note *fields = lua_isnoneornil(L, 3) ? NULL : tacho_lua_read_notes(L, 3, &count);
    return tacho_lua_done(L, tacho_operation_event(op, name, fields, count));
}
