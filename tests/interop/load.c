/* Loads a snapshot and prints export("json"): load FILE. */
#include <stdio.h>
#include <tachograph.h>

static int print(void *stream, const char *bytes, size_t length) {
    return fwrite(bytes, 1, length, stream) != length;
}

int main(int argc, char **argv) {
    tacho_snapshot *snapshot = NULL;
    tacho_status status = tacho_load(argc > 1 ? argv[1] : "", &snapshot);
    if (status == TACHO_OK)
        status = tacho_export(snapshot, TACHO_FORMAT_JSON, NULL, print, stdout);
    if (status != TACHO_OK)
        fprintf(stderr, "load: %s\n", tacho_status_text(status));
    tacho_snapshot_free(snapshot);
    return status != TACHO_OK;
}
