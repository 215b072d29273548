#include "snapshot/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 8192u /* the first one; each is twice as large as the one before */
#define BLOCK_MOST  (UINT32_C(4) << 20)

struct tacho__arena_block {
    tacho__arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

static tacho__arena_block *block_new(tacho__arena *arena, size_t least) {
    size_t usual = arena->blocks ? arena->blocks->size * 2 : BLOCK_BYTES;
    usual = usual < BLOCK_MOST ? usual : BLOCK_MOST;
    size_t size = least > usual ? least : usual;
    tacho__arena_block *block = size > SIZE_MAX - sizeof *block ? NULL : tacho__calloc(1, sizeof *block + size);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    block->size = size;
    tacho__memory_expect(block->bytes, size);
    /* A big request gets a block of its own behind the current one, so that the rest of that stays in use. */
    if (least > usual && arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *tacho__arena_take(tacho__arena *arena, size_t size) {
    const size_t unit = alignof(max_align_t);
    if (size > SIZE_MAX - unit) {
        arena->failed = true;
        return NULL;
    }
    size = (size + unit - 1) / unit * unit;
    tacho__arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        block = block_new(arena, size);
    }
    if (!block) {
        return NULL;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

void *tacho__arena_array(tacho__arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->failed = true;
        return NULL;
    }
    return tacho__arena_take(arena, bytes);
}

const char *tacho__arena_bytes(tacho__arena *arena, const char *bytes, size_t length) {
    char *copy = length < SIZE_MAX ? tacho__arena_take(arena, length + 1) : NULL;
    if (copy && length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

const char *tacho__arena_text(tacho__arena *arena, const char *text) {
    return text ? tacho__arena_bytes(arena, text, strlen(text)) : NULL;
}

const char *tacho__arena_print(tacho__arena *arena, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : tacho__arena_take(arena, (size_t)length + 1);
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    return text;
}

void tacho__arena_free(tacho__arena *arena) {
    while (arena->blocks) {
        tacho__arena_block *next = arena->blocks->next;
        tacho__free(arena->blocks);
        arena->blocks = next;
    }
    arena->failed = false;
}
