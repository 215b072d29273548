#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Requests still to be served before one is refused; negative = none is ever refused. */
static _Atomic int64_t served_before_refusal = -1;
static _Atomic int refuse_forever;

static bool refused(void) {
    if (atomic_load_explicit(&served_before_refusal, memory_order_relaxed) < 0) {
        return false;
    }
    int64_t left = atomic_fetch_sub_explicit(&served_before_refusal, 1, memory_order_relaxed);
    if (left == 0 && atomic_load_explicit(&refuse_forever, memory_order_relaxed)) {
        atomic_store_explicit(&served_before_refusal, 0, memory_order_relaxed);
    }
    return left == 0;
}

void *tacho__malloc(size_t size) {
    return refused() ? NULL : malloc(size == 0 ? 1 : size);
}

void *tacho__calloc(size_t count, size_t size) {
    return refused() ? NULL : calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *tacho__realloc(void *memory, size_t size) {
    return refused() ? NULL : realloc(memory, size == 0 ? 1 : size);
}

#define PAGE       ((uintptr_t)4096)
#define LARGE_PAGE ((uintptr_t)2 << 20)

void tacho__memory_expect(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
    const uintptr_t start = ((uintptr_t)memory + PAGE - 1) & ~(PAGE - 1),
                    end = ((uintptr_t)memory + size) & ~(PAGE - 1);
    if (end > start && end - start >= LARGE_PAGE) {
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)size;
#endif
}

void tacho__free(void *memory) {
    free(memory);
}

void tacho__memory_fail_after(int64_t successes, int forever) {
    atomic_store_explicit(&refuse_forever, forever, memory_order_relaxed);
    atomic_store_explicit(&served_before_refusal, successes < 0 ? -1 : successes, memory_order_relaxed);
}
