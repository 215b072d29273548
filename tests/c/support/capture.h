/** A sink that keeps what a writer wrote. */
#ifndef TACHO_TEST_CAPTURE_H
#define TACHO_TEST_CAPTURE_H

#include "base/buffer.h"

#include <tachograph/codec.h>

typedef struct capture {
    tacho__buffer buffer;
} capture;

int capture_sink(void *context, const char *bytes, size_t length);
/** What was written so far as a string; lives until the next write or capture_free. */
const char *capture_text(capture *kept);
void capture_free(capture *kept);

#endif
