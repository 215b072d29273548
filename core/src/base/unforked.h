/**
 * What must not be in the middle when the process forks, and the files whose lock must not pass to the child.
 *
 * Between enter and leave no other thread's fork() happens: it waits. So only for what is short, and without taking any
 * other lock in between: fork() takes this one last.
 *
 * A lock of flock belongs to the open file, and a forked child has that file too. If the parent is killed, its lock
 * would live on in a child that knows nothing of it. So the child closes what is kept here, inside fork().
 */
#ifndef TACHO_BASE_UNFORKED_H
#define TACHO_BASE_UNFORKED_H

#include <stdbool.h>

#define TACHO__KEPT_FILES 320u /* a lease of each writer (256), folders, histories */

/** To be called before anything else of the library asks for handlers of fork(), so that this lock is taken last. */
void tacho__unforked_prepare(void);
/** False, and not entered: a signal handler of a thread that holds a guard openly; see base/guard.h. */
bool tacho__unforked_enter(void);
void tacho__unforked_leave(void);

/**
 * Inside: `file` is locked by this process. A child closes it and sets `place` to -1, if that is not NULL; it stays
 * where it is until the file is forgotten. So does whoever keeps another file of this number: the host closed the first
 * one. False: no room; then the caller gives the lock up.
 */
bool tacho__unforked_keep(int file, int *place);
/**
 * Inside: whether `file` is kept and is that file still. A host that closes all it has, as daemons do, closes these
 * too, with their locks, and may have given the number to a file of its own.
 */
bool tacho__unforked_has(int file);
/** Inside: keeps it no more. What tacho__unforked_has said: if true, the caller closes it; if false, it is not ours. */
bool tacho__unforked_forget(int file);
/** In a child that was made without the handlers: closes what it inherited. With them it has been done. */
void tacho__unforked_disinherit(void);

#endif
