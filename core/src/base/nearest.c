#include "base/nearest.h"

#include <ctype.h>
#include <string.h>

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static int same(char a, char b) {
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t tacho__edit_distance(const char *a, const char *b) {
    size_t row[3][TACHO__NEAREST_MAX + 1]; /* of the table of distances: this one, the last and the one before */
    size_t rows = least(strlen(a), TACHO__NEAREST_MAX);
    size_t columns = least(strlen(b), TACHO__NEAREST_MAX);
    for (size_t j = 0; j <= columns; j++) {
        row[0][j] = j;
    }
    for (size_t i = 1; i <= rows; i++) {
        size_t *here = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        here[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            here[j] = least(least(last[j], here[j - 1]) + 1, last[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
                here[j] = least(here[j], before[j - 2] + 1);
            }
        }
    }
    return row[rows % 3][columns];
}

int tacho__nearest(const char *word, const char *const *words, size_t count) {
    int nearest = -1;
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        size_t distance = tacho__edit_distance(word, words[i]);
        if (nearest < 0 || distance < best) {
            nearest = (int)i;
            best = distance;
        }
    }
    return nearest;
}
