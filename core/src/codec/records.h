/** Records in the formats that need more than a loop over fields. */
#ifndef TACHO_CODEC_RECORDS_H
#define TACHO_CODEC_RECORDS_H

#include "codec/output.h"
#include "codec/text_table.h"

/** One line per step, with what happened inside it; without steps one per operation that is no tool call. */
tacho_status tacho__records_csv(const tacho_records *records, tacho__output *output);
/** The tree of operations as a table. */
tacho_status tacho__records_text(const tacho_records *records, const tacho__text_layout *layout, const tacho_zone *zone,
                                 tacho__output *output);

#endif
