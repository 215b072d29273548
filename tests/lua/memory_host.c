/*
 * A host whose allocator fails: memory_host CPATH SCRIPT runs the script with the first, second, third ... allocation
 * refused until a run gets through. A refused run may only end in the error "not enough memory"; afterwards the same
 * state must still work and close. Exit 0 and the number of refused allocations on success.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct budget {
    long left;   /* allocations until the refused one; < 0 = none is refused */
    int refused; /* the refusal happened */
} budget;

/* Shrinking and freeing never fail, as Lua demands. */
static void *allocate(void *context, void *old, size_t old_size, size_t size) {
    budget *limit = context;
    if (size == 0) {
        free(old);
        return NULL;
    }
    if (!old || size > old_size) {
        if (limit->left == 0)
            limit->refused = 1;
        if (limit->left >= 0 && limit->left-- == 0)
            return NULL;
    }
    return realloc(old, size);
}

static lua_State *new_state(budget *limit, const char *cpath) {
    limit->left = -1;
    lua_State *L = lua_newstate(allocate, limit);
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_pushstring(L, cpath);
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
    return L;
}

static int fail(const char *what, lua_State *L, long n) {
    fprintf(stderr, "%s at allocation %ld: %s\n", what, n, lua_tostring(L, -1));
    return 1;
}

/* Refuses the n-th allocation of one run. 1 = got through, 0 = was refused, -1 = something is wrong. */
static int run(const char *cpath, const char *script, long n) {
    budget limit = {-1, 0};
    lua_State *L = new_state(&limit, cpath);
    if (luaL_loadfile(L, script) != LUA_OK || luaL_dostring(L, "return (require 'tachograph.core')") != LUA_OK)
        return fail("cannot load", L, n), -1;
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    limit.left = n;
    int status = lua_pcall(L, 1, 0, 0);
    limit.left = -1;
    if (status != LUA_OK && (!limit.refused || !strstr(lua_tostring(L, -1), "not enough memory")))
        return fail("wrong error", L, n), -1;
    int through = !limit.refused;
    lua_settop(L, 1);
    if (luaL_dostring(L, "return (require 'tachograph.core')") != LUA_OK || lua_pcall(L, 1, 0, 0) != LUA_OK)
        return fail("broken afterwards", L, n), -1;
    lua_close(L);
    return through;
}

int main(int argc, char **argv) {
    int result = argc > 2 ? 0 : -1;
    long n = 0;
    for (; result == 0; n++)
        result = run(argv[1], argv[2], n);
    if (result > 0)
        printf("%ld\n", n - 1);
    return result < 0;
}
