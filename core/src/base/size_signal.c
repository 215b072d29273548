#include "base/size_signal.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static sigset_t only_it(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    return set;
}

static bool is_pending(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
}

static void take(const sigset_t *set) {
#if defined(_POSIX_REALTIME_SIGNALS) && _POSIX_REALTIME_SIGNALS > 0
    const struct timespec now = {.tv_sec = 0};
    (void)sigtimedwait(set, NULL, &now);
#else
    int which;
    if (is_pending()) {
        sigwait(set, &which);
    }
#endif
}

void tacho__size_signal_hold(tacho__size_signal *self) {
    const sigset_t set = only_it();
    self->was_pending = is_pending();
    self->is_held = pthread_sigmask(SIG_BLOCK, &set, &self->before) == 0;
}

void tacho__size_signal_let_go(tacho__size_signal *self) {
    const sigset_t set = only_it();
    if (!self->is_held) {
        return;
    }
    if (!self->was_pending) {
        take(&set);
    }
    pthread_sigmask(SIG_SETMASK, &self->before, NULL);
    self->is_held = false;
}
