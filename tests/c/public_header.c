/*
 * The umbrella header as a strict C11 compiler sees it, with the macros that C users type. It is compiled, linked with
 * the public library and run; it includes nothing of ours but <tachograph.h>.
 */
#include <tachograph.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_labels labels = TACHO_LABELS(.provider = "anthropic", .model = "claude-opus-4-6");
    tacho_usage usage = TACHO_USAGE(.input = 1200, .cache_read = 10000, .output = 340);
    if (config.struct_size != sizeof config || labels.struct_size != sizeof labels || usage.input != 1200)
        return 1;
    if (strcmp(tacho_version(), TACHO_VERSION) != 0)
        return 2;
    printf("%s\n", tacho_version());
    return 0;
}
