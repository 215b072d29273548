/** A folder of its own for each test, and files in it. Everything fails the test when it fails. */
#ifndef TACHO_TEST_SCRATCH_H
#define TACHO_TEST_SCRATCH_H

#include <stddef.h>

typedef struct scratch {
    char folder[256];
} scratch;

void scratch_make(scratch *place);
/** Removes the folder with all that is in it. */
void scratch_remove(const scratch *place);
/** Path of `name` in the folder; one of 8 static places in turn. */
const char *scratch_path(const scratch *place, const char *name);
/** Writes a file, with the folders it needs; `mode` as of fopen: "w", "a". */
void scratch_write(const scratch *place, const char *name, const char *mode, const void *bytes, size_t length);
/** A whole file; freed by the caller. */
char *scratch_read(const char *path, size_t *length);

#endif
