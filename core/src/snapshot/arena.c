#include "snapshot/arena.h"

#include "base/memory.h"
#include "base/pages.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 8192u /* the first one; each is twice as large as the one before */
#define BLOCK_MOST  (UINT32_C(8) << 20)
#define PAGES_STEP  (UINT32_C(2) << 20) /* a large page: blocks that are larger are made of these */

struct tacho__arena_block {
    tacho__arena_block *next;
    size_t used;
    size_t size;
    size_t pages; /* bytes of pages that the block is; 0 = it is of the heap */
    alignas(max_align_t) unsigned char bytes[];
};

/* Zeroed memory for a block of at least `size` bytes. */
static tacho__arena_block *allot(size_t size) {
    const size_t whole = sizeof(tacho__arena_block) + size;
    if (whole < PAGES_STEP) {
        tacho__arena_block *block = tacho__calloc(1, whole);
        if (block) {
            block->size = size;
        }
        return block;
    }
    const size_t pages = (whole + PAGES_STEP - 1) / PAGES_STEP * PAGES_STEP;
    tacho__arena_block *block = tacho__pages_new(pages, NULL);
    if (block) {
        tacho__memory_expect(block, pages);
        block->pages = pages;
        block->size = pages - sizeof *block;
    }
    return block;
}

static void give_back(tacho__arena_block *block) {
    if (block->pages) {
        tacho__pages_free(block, block->pages);
    } else {
        tacho__free(block);
    }
}

/* `current`: whatever is taken next comes from this block. */
static tacho__arena_block *block_new(tacho__arena *arena, size_t least, bool current) {
    size_t usual = arena->blocks ? arena->blocks->size * 2 : BLOCK_BYTES;
    usual = usual < BLOCK_MOST ? usual : BLOCK_MOST - sizeof(tacho__arena_block);
    size_t size = least > usual ? least : usual;
    tacho__arena_block *block = size > SIZE_MAX / 2 ? NULL : allot(size);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    /* A big request gets a block of its own behind the current one, so that the rest of that stays in use. */
    if (!current && least > usual && arena->blocks) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

static size_t rounded(size_t size) {
    const size_t unit = alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

void *tacho__arena_take(tacho__arena *arena, size_t size) {
    if (size > SIZE_MAX / 2) {
        arena->failed = true;
        return NULL;
    }
    size = rounded(size);
    tacho__arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        block = block_new(arena, size, false);
    }
    if (!block) {
        return NULL;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

void *tacho__arena_open(tacho__arena *arena, size_t most) {
    tacho__arena_block *block = arena->blocks;
    if (!block || block->size - block->used < most) {
        block = block_new(arena, most, true);
    }
    return block ? block->bytes + block->used : NULL;
}

void tacho__arena_close(tacho__arena *arena, size_t used) {
    tacho__arena_block *block = arena->blocks;
    const size_t end = block->used + rounded(used);
    block->used = end < block->size ? end : block->size;
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
        give_back(arena->blocks);
        arena->blocks = next;
    }
    arena->failed = false;
}
