/** What every writer here writes through: a buffer in front of the caller's sink. One thread at a time. */
#ifndef TACHO_CODEC_OUTPUT_H
#define TACHO_CODEC_OUTPUT_H

#include "base/buffer.h"

#include <tachograph/codec.h>

typedef struct tacho__output {
    tacho__buffer buffer; /* append to it; tacho__output_pass keeps it small */
    tacho_sink sink;
    void *context;
    bool stopped; /* the sink did not want more */
} tacho__output;

void tacho__output_begin(tacho__output *output, tacho_sink sink, void *context);
/** Hands on what was written if that is worth a call. False once the sink has stopped or memory was refused. */
bool tacho__output_pass(tacho__output *output);
/** Hands on the rest and frees. TACHO_OK; TACHO_STOPPED; TACHO_NOMEM; else `status`, if that is no success. */
tacho_status tacho__output_end(tacho__output *output, tacho_status status);

#endif
