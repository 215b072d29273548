/** What a person probably meant: the nearest word of a list, for error messages. Pure functions; any thread. */
#ifndef TACHO_BASE_NEAREST_H
#define TACHO_BASE_NEAREST_H

#include <stddef.h>

/** Longest word that is compared, in bytes; of longer ones only the beginning is. */
#define TACHO__NEAREST_MAX 64

/**
 * Steps from `a` to `b`: bytes added, left out or replaced, and neighbours that changed places ("sicne", "since": 1).
 * Upper and lower case are the same. Source: optimal string alignment distance (Damerau-Levenshtein, restricted).
 */
size_t tacho__edit_distance(const char *a, const char *b);

/** Index of the nearest of `count` words, the first of equals; -1 where `count` is 0. */
int tacho__nearest(const char *word, const char *const *words, size_t count);

#endif
