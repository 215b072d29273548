#include "codec/output.h"

#define WORTH_A_CALL 16384u

void tacho__output_begin(tacho__output *output, tacho_sink sink, void *context) {
    *output = (tacho__output){.sink = sink, .context = context};
}

static bool flush(tacho__output *output) {
    if (output->buffer.failed || output->stopped) {
        return false;
    }
    if (output->buffer.length > 0) {
        output->stopped = output->sink(output->context, output->buffer.data, output->buffer.length) != 0;
        tacho__buffer_clear(&output->buffer);
    }
    return !output->stopped;
}

bool tacho__output_pass(tacho__output *output) {
    return output->buffer.length < WORTH_A_CALL && !output->buffer.failed ? !output->stopped : flush(output);
}

tacho_status tacho__output_end(tacho__output *output, tacho_status status) {
    if (status == TACHO_OK && !flush(output)) {
        status = output->stopped ? TACHO_STOPPED : tacho__buffer_status(&output->buffer);
    }
    tacho__buffer_free(&output->buffer);
    return status;
}
