#include "price/served.h"

#include "price/table_layout.h"

static bool equal_text(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        char lower = *a >= 'A' && *a <= 'Z' ? (char)(*a + ('a' - 'A')) : *a;
        if (lower != *b) {
            return false;
        }
    }
    return *a == *b;
}

/* The class of service that a tier names; -1 for a tier that is not known. */
static int service_of(const char *tier) {
    static const struct {
        const char *name;
        int service;
    } tiers[] = {
        {"standard", TACHO_PRICE_SERVICE_STANDARD},
        {"default", TACHO_PRICE_SERVICE_STANDARD},
        {"auto", TACHO_PRICE_SERVICE_STANDARD},
        {"on_demand", TACHO_PRICE_SERVICE_STANDARD},
        {"standard_only", TACHO_PRICE_SERVICE_STANDARD},
        {"scale", TACHO_PRICE_SERVICE_STANDARD},
        {"batch", TACHO_PRICE_SERVICE_BATCH},
        {"flex", TACHO_PRICE_SERVICE_FLEX},
        {"priority", TACHO_PRICE_SERVICE_PRIORITY},
        {"fast", TACHO_PRICE_SERVICE_FAST},
        {"ultrafast", TACHO_PRICE_SERVICE_ULTRAFAST},
    };
    for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
        if (equal_text(tier, tiers[i].name)) {
            return tiers[i].service;
        }
    }
    return -1;
}

/* Billed is what was served; what was asked for counts only where nobody says what was served. */
uint32_t tacho__served_service(const tacho_usage *usage, bool *unknown) {
    if (usage->speed && equal_text(usage->speed, "fast")) {
        return TACHO_PRICE_SERVICE_FAST;
    }
    const char *tier = usage->service_tier && *usage->service_tier ? usage->service_tier : usage->requested_tier;
    int service = tier && *tier ? service_of(tier) : TACHO_PRICE_SERVICE_STANDARD;
    *unknown = service < 0;
    return service < 0 ? TACHO_PRICE_SERVICE_STANDARD : (uint32_t)service;
}

uint32_t tacho__served_region(const tacho_usage *usage) {
    const char *region = usage->region;
    if (!region || !*region || equal_text(region, "not_available") || equal_text(region, "global")) {
        return TACHO__PRICE_REGION_GLOBAL;
    }
    return TACHO__PRICE_REGION_REGIONAL;
}

#define SERVICE_MASK 7u
#define REGION_SHIFT 3

static bool is_said(const char *text) {
    return text && *text;
}

uint32_t tacho__served_of(const tacho_usage *usage) {
    bool unknown = false;
    uint32_t served = 0;
    if (is_said(usage->service_tier) || is_said(usage->requested_tier) || is_said(usage->speed)) {
        served = tacho__served_service(usage, &unknown) + 1;
    }
    return served | (is_said(usage->region) ? tacho__served_region(usage) << REGION_SHIFT : 0);
}

uint32_t tacho__served_join(uint32_t before, uint32_t later) {
    uint32_t service = later & SERVICE_MASK ? later : before;
    return (service & SERVICE_MASK) | (later >> REGION_SHIFT ? later & ~SERVICE_MASK : before & ~SERVICE_MASK);
}

const char *tacho__served_tier(uint32_t served) {
    return served & SERVICE_MASK ? tacho_price_service_name((served & SERVICE_MASK) - 1) : NULL;
}

const char *tacho__served_place(uint32_t served) {
    uint32_t region = served >> REGION_SHIFT & 3;
    return region == TACHO__PRICE_REGION_GLOBAL ? "global" : region == TACHO__PRICE_REGION_REGIONAL ? "regional" : NULL;
}
