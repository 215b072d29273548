#include "capture.h"

int capture_sink(void *context, const char *bytes, size_t length) {
    capture *kept = context;
    tacho__buffer_append(&kept->buffer, bytes, length);
    return 0;
}

const char *capture_text(capture *kept) {
    const char *text = tacho__buffer_text(&kept->buffer);
    return text ? text : "";
}

void capture_free(capture *kept) {
    tacho__buffer_free(&kept->buffer);
}
