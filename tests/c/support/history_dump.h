/** All that a history file holds of operations, as text: two files that say the same give the same text. */
#ifndef TACHO_TEST_HISTORY_DUMP_H
#define TACHO_TEST_HISTORY_DUMP_H

/** Freed by the caller. Reading positions and the order of rows are left out. */
char *history_dump(const char *path);
/** Runs a statement and gives its first number; for counting and for damaging files. */
long long history_number(const char *path, const char *sql);

#endif
