/**
 * Writing under RLIMIT_FSIZE: the kernel sends SIGXFSZ to the thread that writes too far, and unless the program
 * expects that, it ends. Libraries that write by themselves (SQLite) are called between these two; they get EFBIG then.
 */
#ifndef TACHO_BASE_SIZE_SIGNAL_H
#define TACHO_BASE_SIZE_SIGNAL_H

#include <signal.h>
#include <stdbool.h>

typedef struct tacho__size_signal {
    sigset_t before; /* mask of the thread */
    bool is_held;
    bool was_pending; /* before: not ours to take away */
} tacho__size_signal;

/** From now on this thread does not get the signal. Nothing but the thread's mask changes. */
void tacho__size_signal_hold(tacho__size_signal *self);
/** Takes away one that came meanwhile, and puts the mask back, in the same thread. Nothing happens where none is held.
 */
void tacho__size_signal_let_go(tacho__size_signal *self);

#endif
