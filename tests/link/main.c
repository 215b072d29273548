/* A user's program: what it prints is the version of the library it runs with and the calls it recorded. */
#include <tachograph.h>
#include <stdio.h>

int main(void) {
    tacho_collector *collector = NULL;
    tacho_series *series = NULL;
    tacho_operation op;
    tacho_status status = tacho_collector_open(&collector, NULL);
    if (status == TACHO_OK)
        status = tacho_bind(collector, TACHO_KIND_STEP, "consume", NULL, &series);
    if (status == TACHO_OK)
        status = tacho_begin(series, NULL, &op);
    if (status == TACHO_OK)
        status = tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_series_release(series);
    tacho_collector_close(collector);
    printf("%s %s\n", tacho_version(), tacho_status_text(status));
    return status != TACHO_OK;
}
