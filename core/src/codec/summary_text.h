/** The summary screen. */
#ifndef TACHO_CODEC_SUMMARY_TEXT_H
#define TACHO_CODEC_SUMMARY_TEXT_H

#include "codec/output.h"
#include "codec/text_table.h"

tacho_status tacho__summary_text(const tacho_summary *summary, const tacho__text_layout *layout, const tacho_zone *zone,
                                 tacho__output *output);

#endif
