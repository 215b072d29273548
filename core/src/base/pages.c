#include "base/pages.h"

#include "base/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#if defined(UNDER_ASAN) || defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
/* What only such pages point to is not lost. */
#define REGISTER_ROOT(pages, bytes)   __lsan_register_root_region(pages, bytes)
#define UNREGISTER_ROOT(pages, bytes) __lsan_unregister_root_region(pages, bytes)
#else
#define REGISTER_ROOT(pages, bytes)   ((void)0)
#define UNREGISTER_ROOT(pages, bytes) ((void)0)
#endif

static bool wipe_on_fork(void *pages) {
#if defined(MADV_WIPEONFORK) && !defined(TACHO_PORTABLE)
    return sysconf(_SC_PAGESIZE) == TACHO__PAGE && madvise(pages, TACHO__PAGE, MADV_WIPEONFORK) == 0;
#else
    (void)pages;
    return false;
#endif
}

void *tacho__pages_new(size_t bytes, bool *wiped) {
    void *token = tacho__malloc(1); /* so that tests can refuse this too */
    if (!token) {
        return NULL;
    }
    tacho__free(token);
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) {
        return NULL;
    }
    if (wiped) {
        *wiped = wipe_on_fork(pages);
    }
    REGISTER_ROOT(pages, bytes);
    return pages;
}

void tacho__pages_free(void *pages, size_t bytes) {
    if (pages) {
        UNREGISTER_ROOT(pages, bytes);
        munmap(pages, bytes);
    }
}
