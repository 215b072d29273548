// The public headers as a C++ compiler sees them: `extern "C"` and the _INIT forms, which need no compound literal.
#include <tachograph.h>
#include <tachograph/history.h>
#include <tachograph/ingest.h>
#include <cstring>

int main() {
    tacho_config config = TACHO_CONFIG_INIT;
    tacho_labels labels = TACHO_LABELS_INIT;
    tacho_usage usage = TACHO_USAGE_INIT;
    if (config.struct_size != sizeof config || labels.struct_size != sizeof labels || usage.struct_size != sizeof usage)
        return 1;
    return std::strcmp(tacho_version(), TACHO_VERSION) != 0;
}
