/** Facts in a line of text, broken between facts and never inside a number. */
#ifndef TACHO_CODEC_PHRASES_H
#define TACHO_CODEC_PHRASES_H

#include "codec/text_table.h"

#define TACHO__PHRASES 24

/** Facts behind one label, in order. Texts live in the arena. */
typedef struct tacho__phrases {
    tacho__arena *arena;
    const char *phrase[TACHO__PHRASES];
    size_t count;
} tacho__phrases;

/** Adds a fact (printf); an empty one, or one too many, is left out. */
void tacho__phrase(tacho__phrases *phrases, const char *format, ...) __attribute__((format(printf, 2, 3)));
/**
 * "  Label     fact, fact, fact" with further lines below the first fact. Nothing if there are no facts.
 *
 * @param label  "" = the facts begin at the indent
 */
void tacho__phrases_write(const tacho__phrases *phrases, const char *label, const tacho__text_layout *layout,
                          tacho__buffer *out);

#endif
