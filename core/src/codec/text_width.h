/** Text on a terminal: how wide it is, and what may not reach one. */
#ifndef TACHO_CODEC_TEXT_WIDTH_H
#define TACHO_CODEC_TEXT_WIDTH_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Columns that a text takes: 2 for wide East Asian characters and emoji, 0 for combining marks, else 1. The ranges are
 * those of Unicode 15 East_Asian_Width (W, F) and General_Category (Mn, Me, Cf) in blocks, which is what terminals
 * agree on; no locale is asked.
 */
size_t tacho__text_width(const char *text);

/**
 * Appends a text as it may be shown: without control characters, and with U+FFFD in place of those that change the
 * direction of writing (they could make a name look like another); with `ascii`, anything else outside ASCII becomes
 * '?'.
 */
void tacho__text_show(tacho__buffer *out, const char *text, bool ascii);

#endif
