/* Any bytes: decoding a snapshot refuses them or gives one that every reader of numbers can walk. */
#include <tachograph.h>
#include <stdlib.h>

static int swallow(void *context, const char *bytes, size_t length) {
    (void)bytes;
    *(size_t *)context += length;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tacho_snapshot *snapshot = NULL;
    if (tacho_snapshot_decode(data, size, &snapshot) != TACHO_OK) {
        if (snapshot != NULL)
            abort();
        return 0;
    }
    size_t written = 0;
    tacho_export(snapshot, TACHO_FORMAT_JSON, NULL, swallow, &written);
    tacho_export(snapshot, TACHO_FORMAT_MSGPACK, NULL, swallow, &written);
    tacho_export(snapshot, TACHO_FORMAT_TEXT, NULL, swallow, &written);
    tacho_snapshot *merged = NULL;
    if (tacho_snapshot_merge(snapshot, snapshot, &merged) == TACHO_OK)
        tacho_snapshot_free(merged);
    tacho_snapshot_free(snapshot);
    return 0;
}
