/** The caller's style with every blank filled in. */
#ifndef TACHO_CODEC_STYLE_H
#define TACHO_CODEC_STYLE_H

#include "codec/text_table.h"

#include <tachograph/codec.h>

#define TACHO__WIDTH_DEFAULT 80u

/** Layout of a table for people; `plain` is as wide as it gets and without colours. */
static inline tacho__text_layout tacho__style_layout(const tacho_style *style, bool plain) {
    tacho__text_layout layout = {.width = TACHO__WIDTH_DEFAULT};
    if (style) {
        layout.width = style->width > 0 ? style->width : TACHO__WIDTH_DEFAULT;
        layout.color = style->color != 0 && !plain;
        layout.ascii = style->ascii != 0;
    }
    layout.width = plain ? 0 : layout.width;
    return layout;
}

static inline const tacho_zone *tacho__style_zone(const tacho_style *style) {
    return style ? style->zone : NULL;
}

#endif
