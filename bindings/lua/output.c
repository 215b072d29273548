/*
 * What writers of the core put out, as a Lua string. The bytes are collected outside Lua, because a writer may not be
 * left by a jump.
 */
#include "module.h"

#include <stdlib.h>
#include <string.h>

typedef struct output {
    char *bytes;
    size_t length, room;
} output;

static void free_output(void *object) {
    output *out = object;
    free(out->bytes);
    free(out);
}

int tacho_lua_sink(void *context, const char *bytes, size_t length) {
    output *out = context;
    if (length > out->room - out->length) {
        size_t room = (out->length + length) * 2;
        char *larger = realloc(out->bytes, room);
        if (!larger)
            return 1;
        out->bytes = larger;
        out->room = room;
    }
    memcpy(out->bytes + out->length, bytes, length);
    out->length += length;
    return 0;
}

/* Pushes a new output, boxed; NULL when there is no memory. */
void *tacho_lua_new_output(lua_State *L) {
    tacho_lua_box *box = tacho_lua_new_box(L);
    box->object = calloc(1, sizeof(output));
    box->free = box->object ? free_output : NULL;
    return box->object;
}

/* Replaces the output on top by its text, or returns the failure of its writer. */
int tacho_lua_finish_output(lua_State *L, const void *context, tacho_status status) {
    const output *out = context;
    if (status != TACHO_OK)
        return tacho_lua_fail(L, status == TACHO_STOPPED ? TACHO_NOMEM : status);
    lua_pushlstring(L, out->bytes ? out->bytes : "", out->length);
    lua_remove(L, -2);
    return 1;
}
