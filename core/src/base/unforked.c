#include "base/unforked.h"

#include "base/guard.h"
#include "base/pages.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct kept_file {
    int64_t process; /* who locked it; 0 = free */
    uint64_t device, inode;
    int file;
    int *place; /* where its number stands, or NULL */
} kept_file;

static kept_file kept[TACHO__KEPT_FILES];

/* In a page that the kernel empties in a child, so that no child finds it held, however it was made. */
typedef struct guard_page {
    union {
        tacho__guard guard;
        uint8_t page[TACHO__PAGE];
    };
} guard_page;
static tacho__guard unwiped;
static tacho__guard *guard = &unwiped;

static void hold(void) {
    tacho__guard_enter(guard, TACHO__GUARD_ALL);
}

static void let_go(void) {
    tacho__guard_leave(guard);
}

/* Who closed everything it had may have given the number to another file. */
static bool is_still_ours(const kept_file *one) {
    struct stat about;
    return fstat(one->file, &about) == 0 && (uint64_t)about.st_dev == one->device &&
           (uint64_t)about.st_ino == one->inode;
}

static void close_inherited(void) {
    const int64_t here = (int64_t)getpid();
    for (uint32_t i = 0; i < TACHO__KEPT_FILES; ++i) {
        if (kept[i].process == 0 || kept[i].process == here) {
            continue;
        }
        if (is_still_ours(&kept[i])) {
            close(kept[i].file);
        }
        if (kept[i].place) {
            *kept[i].place = -1;
        }
        kept[i].process = 0;
    }
}

static void in_child(void) {
    tacho__guard_forget_all();
    tacho__guard_reset(guard);
    close_inherited();
}

static void prepare(void) {
    bool is_wiped = false;
    guard_page *page = tacho__pages_new(sizeof *page, &is_wiped);
    if (page && is_wiped) {
        guard = &page->guard;
    } else {
        tacho__pages_free(page, sizeof *page);
    }
    pthread_atfork(hold, let_go, in_child);
}

void tacho__unforked_prepare(void) {
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    pthread_once(&prepared, prepare);
}

bool tacho__unforked_enter(void) {
    tacho__unforked_prepare();
    return tacho__guard_enter(guard, TACHO__GUARD_QUIET);
}

void tacho__unforked_leave(void) {
    tacho__guard_leave(guard);
}

/* One that had this number is closed, or nobody could have it again. */
static void drop_predecessor(int file) {
    const int64_t here = (int64_t)getpid();
    for (uint32_t i = 0; i < TACHO__KEPT_FILES; ++i) {
        if (kept[i].process == here && kept[i].file == file) {
            if (kept[i].place) {
                *kept[i].place = -1;
            }
            kept[i].process = 0;
        }
    }
}

bool tacho__unforked_keep(int file, int *place) {
    struct stat about;
    if (fstat(file, &about) != 0) {
        return false;
    }
    drop_predecessor(file);
    for (uint32_t i = 0; i < TACHO__KEPT_FILES; ++i) {
        if (kept[i].process == 0) {
            kept[i] = (kept_file){(int64_t)getpid(), (uint64_t)about.st_dev, (uint64_t)about.st_ino, file, place};
            return true;
        }
    }
    return false;
}

static kept_file *find(int file) {
    for (uint32_t i = 0; i < TACHO__KEPT_FILES; ++i) {
        if (kept[i].process != 0 && kept[i].file == file) {
            return &kept[i];
        }
    }
    return NULL;
}

bool tacho__unforked_has(int file) {
    const kept_file *one = find(file);
    return one && is_still_ours(one);
}

bool tacho__unforked_forget(int file) {
    kept_file *one = find(file);
    const bool has = one && is_still_ours(one);
    if (one) {
        one->process = 0;
    }
    return has;
}

void tacho__unforked_disinherit(void) {
    if (tacho__unforked_enter()) {
        close_inherited();
        tacho__unforked_leave();
    }
}
