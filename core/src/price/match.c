#include "price/match.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

typedef struct search {
    const tacho_price_table *table;
    tacho__match *out;
    tacho__match_step step;
    void *context;
} search;

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

size_t tacho__match_fold(const char *text, char out[TACHO__MODEL_ID_MAX + 1]) {
    size_t length = 0;
    while (is_space(*text)) {
        text++;
    }
    for (; *text; text++) {
        if (length == TACHO__MODEL_ID_MAX) {
            return 0;
        }
        out[length++] = *text >= 'A' && *text <= 'Z' ? (char)(*text + ('a' - 'A')) : *text;
    }
    while (length && is_space(out[length - 1])) {
        length--;
    }
    out[length] = 0;
    return length;
}

/* ------------------------------------------------------------------------------------------------------- providers */

static const char *provider_id(const tacho_price_table *table, uint16_t provider) {
    const tacho__price_provider *list = TACHO__PRICE_AT(table, TACHO__PRICE_PROVIDERS, tacho__price_provider);
    return provider == TACHO__PRICE_NONE ? "" : tacho__price_text_at(table, list[provider].id);
}

static int compare_text(const tacho_price_table *table, tacho__price_text text, const char *name, size_t length) {
    size_t other = text & 0xff;
    int order = memcmp(tacho__price_text_at(table, text), name, other < length ? other : length);
    return order ? order : (other > length) - (other < length);
}

/* Aliases are sorted by (kind, text), names first. */
static uint16_t provider_by_name(const tacho_price_table *table, const char *name, size_t length) {
    const tacho__price_alias *aliases = TACHO__PRICE_AT(table, TACHO__PRICE_ALIASES, tacho__price_alias);
    uint32_t low = 0, high = TACHO__PRICE_COUNT(table, TACHO__PRICE_ALIASES);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = aliases[middle].kind == TACHO__PRICE_ALIAS_NAME
                        ? compare_text(table, aliases[middle].text, name, length)
                        : 1;
        if (order == 0) {
            return aliases[middle].provider;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return TACHO__PRICE_NONE;
}

/* `pattern` is a host, perhaps with the beginning of a path; subdomains of the host match too. */
static bool url_matches(const char *url, size_t host_length, const char *pattern) {
    const char *slash = strchr(pattern, '/');
    size_t host = slash ? (size_t)(slash - pattern) : strlen(pattern);
    if (host > host_length || memcmp(url + host_length - host, pattern, host) != 0 ||
        (host < host_length && url[host_length - host - 1] != '.')) {
        return false;
    }
    return !slash || strncmp(url + host_length, slash, strlen(slash)) == 0;
}

static uint16_t provider_by_url(const tacho_price_table *table, const char *url) {
    size_t host_length = strcspn(url, ":/?#");
    const tacho__price_alias *aliases = TACHO__PRICE_AT(table, TACHO__PRICE_ALIASES, tacho__price_alias);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(table, TACHO__PRICE_ALIASES); i++) {
        if (aliases[i].kind == TACHO__PRICE_ALIAS_HOST &&
            url_matches(url, host_length, tacho__price_text_at(table, aliases[i].text))) {
            return aliases[i].provider;
        }
    }
    return TACHO__PRICE_NONE;
}

uint16_t tacho__match_provider(const tacho_price_table *table, const char *name, size_t length) {
    const char *scheme = memchr(name, ':', length);
    if (scheme && strncmp(scheme, "://", 3) == 0) {
        return provider_by_url(table, scheme + 3);
    }
    return provider_by_name(table, name, length);
}

/* ----------------------------------------------------------------------------------------------------------- models */

/* First entry with this hash; *end = one behind the last. */
static const tacho__price_entry *entries_of(const tacho_price_table *table, const char *id, size_t length,
                                            const tacho__price_entry **end) {
    const tacho__price_entry *entries = TACHO__PRICE_AT(table, TACHO__PRICE_MODELS, tacho__price_entry);
    uint32_t hash = (uint32_t)tacho__hash(id, length, 0);
    uint32_t low = 0, high = TACHO__PRICE_COUNT(table, TACHO__PRICE_MODELS);
    *end = entries + high;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (entries[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return entries + low;
}

static bool entry_is(const tacho_price_table *table, const tacho__price_entry *entry, const char *id, size_t length) {
    return (entry->id & 0xff) == length && memcmp(tacho__price_text_at(table, entry->id), id, length) == 0;
}

static const tacho__price_entry *find_entry(const tacho_price_table *table, uint16_t provider, const char *id,
                                            size_t length) {
    const tacho__price_entry *end;
    const tacho__price_entry *entry = entries_of(table, id, length, &end);
    uint32_t hash = entry < end ? entry->hash : 0;
    for (; entry < end && entry->hash == hash; entry++) {
        if (entry->provider == provider && entry_is(table, entry, id, length)) {
            return entry;
        }
    }
    return NULL;
}

static void accept(const search *s, const tacho__price_entry *entry, uint32_t match) {
    *s->out = (tacho__match){
        .table = s->table,
        .list = TACHO__PRICE_AT(s->table, TACHO__PRICE_LISTS, uint16_t) + (entry->list >> 8),
        .list_count = entry->list_count,
        .flags = entry->list & 0xff,
        .match = match,
        .context = TACHO__PRICE_AT(s->table, TACHO__PRICE_CONTEXTS, uint32_t)[entry->context],
        .provider = entry->provider,
        .id = tacho__price_text_at(s->table, entry->id),
    };
}

void tacho__match_entry(const tacho_price_table *table, uint32_t index, tacho__match *out) {
    search s = {.table = table, .out = out};
    accept(&s, &TACHO__PRICE_AT(table, TACHO__PRICE_MODELS, tacho__price_entry)[index], TACHO_PRICE_MATCH_EXACT);
}

static void tell(const search *s, const char *rule, uint16_t provider, const char *id, bool found) {
    if (s->step) {
        s->step(s->context, rule, provider_id(s->table, provider), id, found);
    }
}

static bool try_exact(const search *s, uint16_t provider, const char *id, size_t length, uint32_t match,
                      const char *rule) {
    const tacho__price_entry *entry = find_entry(s->table, provider, id, length);
    tell(s, rule, provider, id, entry != NULL);
    if (entry) {
        accept(s, entry, match);
    }
    return entry != NULL;
}

/* One decoration removed, or a date in the other notation; not where dated ids of that base have other prices. */
static bool try_decorated(const search *s, uint16_t provider, const char *id, size_t length, uint32_t match) {
    char other[TACHO__MODEL_ID_MAX + 1];
    size_t swapped = tacho__decoration_swap_date(id, length, other);
    if (swapped && try_exact(s, provider, other, swapped, match, "date in its other notation")) {
        return true;
    }
    bool dated;
    size_t base = tacho__decoration_length(id, length, &dated);
    if (base == 0) {
        return false;
    }
    memcpy(other, id, base);
    other[base] = 0;
    const tacho__price_entry *entry = find_entry(s->table, provider, other, base);
    bool found = entry && !(dated && (entry->list & TACHO__PRICE_ENTRY_SIBLINGS));
    tell(s,
         entry && !found ? "one decoration removed: refused, dated siblings cost otherwise" : "one decoration removed",
         provider, other, found);
    if (found) {
        accept(s, entry, match);
    }
    return found;
}

/* "ft:base:organisation:name:id": the sheet of "ft:base"; never the price of the base itself. */
static bool try_fine_tuned(const search *s, uint16_t provider, const char *id, size_t length, uint32_t match) {
    const char *colon = memchr(id + 3, ':', length - 3);
    size_t base = colon ? (size_t)(colon - id) : length;
    char name[TACHO__MODEL_ID_MAX + 1];
    memcpy(name, id, base);
    name[base] = 0;
    return try_exact(s, provider, name, base, match, "fine-tuned base") ||
           try_decorated(s, provider, name, base, match);
}

static bool is_fine_tuned(const char *id) {
    return strncmp(id, "ft:", 3) == 0;
}

/* Amazon Bedrock writes Anthropic's models its own way; a bare id is served in its region. */
static bool try_bedrock(const search *s, uint16_t provider, const char *id, uint32_t match) {
    if (strncmp(id, "claude-", 7) != 0 || strcmp(provider_id(s->table, provider), "aws") != 0) {
        return false;
    }
    static const char *const ends[] = {"-v1:0", "-v1", ""};
    char name[TACHO__MODEL_ID_MAX + 1];
    if (strlen(id) > TACHO__MODEL_ID_MAX - 20) {
        return false;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "anthropic.%s%s", id, ends[i]);
        if (try_exact(s, provider, name, strlen(name), match, "as Amazon Bedrock writes it")) {
            return true;
        }
    }
    return false;
}

static bool try_provider(const search *s, uint16_t provider, const char *id, uint32_t fallback) {
    size_t length = strlen(id);
    uint32_t exact = fallback ? fallback : TACHO_PRICE_MATCH_EXACT;
    uint32_t decorated = fallback ? fallback : TACHO_PRICE_MATCH_DECORATED;
    uint32_t tuned = fallback ? fallback : TACHO_PRICE_MATCH_FINE_TUNED;
    if (try_exact(s, provider, id, length, exact, "exact")) {
        return true;
    }
    if (is_fine_tuned(id)) {
        return try_fine_tuned(s, provider, id, length, tuned);
    }
    return try_decorated(s, provider, id, length, decorated) || try_bedrock(s, provider, id, decorated);
}

static bool try_fallbacks(const search *s, uint16_t provider, const char *id) {
    const tacho__price_provider *list = TACHO__PRICE_AT(s->table, TACHO__PRICE_PROVIDERS, tacho__price_provider);
    for (int i = 0; i < TACHO__PRICE_FALLBACKS; i++) {
        uint16_t to = list[provider].fallbacks[i];
        if (to != TACHO__PRICE_NONE && try_provider(s, to, id, TACHO_PRICE_MATCH_FALLBACK)) {
            return true;
        }
    }
    return false;
}

/* The standard sheets of two lists are the same, whatever else (batch, priority) one of them has. */
static bool agree(const tacho_price_table *table, const tacho__price_entry *a, const tacho__price_entry *b) {
    const uint16_t *lists = TACHO__PRICE_AT(table, TACHO__PRICE_LISTS, uint16_t);
    const tacho__price_sheet *sheets = TACHO__PRICE_AT(table, TACHO__PRICE_SHEETS, tacho__price_sheet);
    const uint16_t *left = lists + (a->list >> 8), *left_end = left + a->list_count;
    const uint16_t *right = lists + (b->list >> 8), *right_end = right + b->list_count;
    for (;;) {
        while (left < left_end && sheets[*left].service != TACHO_PRICE_SERVICE_STANDARD) {
            left++;
        }
        while (right < right_end && sheets[*right].service != TACHO_PRICE_SERVICE_STANDARD) {
            right++;
        }
        if (left == left_end || right == right_end) {
            return left == left_end && right == right_end;
        }
        if (*left++ != *right++) {
            return false;
        }
    }
}

typedef enum agreement { NOBODY, DIFFERENT, AGREED } agreement;

/* No provider: only if all that have exactly this id ask the same for it. */
static agreement try_agreeing(const search *s, const char *id, size_t length) {
    const tacho__price_entry *end, *best = NULL;
    const tacho__price_entry *entry = entries_of(s->table, id, length, &end);
    uint32_t hash = entry < end ? entry->hash : 0;
    bool same = true;
    for (; entry < end && entry->hash == hash; entry++) {
        if (!entry_is(s->table, entry, id, length)) {
            continue;
        }
        same &= !best || agree(s->table, best, entry);
        best = !best || entry->list_count > best->list_count ? entry : best;
    }
    tell(s, best && !same ? "any provider: refused, their prices differ" : "any provider", TACHO__PRICE_NONE, id,
         best && same);
    if (best && same) {
        accept(s, best, TACHO_PRICE_MATCH_AGREEING);
    }
    return !best ? NOBODY : same ? AGREED : DIFFERENT;
}

static agreement try_agreeing_decorated(const search *s, const char *id) {
    size_t length = strlen(id);
    agreement found = try_agreeing(s, id, length);
    if (found != NOBODY) {
        return found;
    }
    char other[TACHO__MODEL_ID_MAX + 1];
    size_t swapped = tacho__decoration_swap_date(id, length, other);
    found = swapped ? try_agreeing(s, other, swapped) : NOBODY;
    bool dated;
    size_t base = tacho__decoration_length(id, length, &dated);
    if (found != NOBODY || base == 0) {
        return found;
    }
    memcpy(other, id, base);
    other[base] = 0;
    found = try_agreeing(s, other, base);
    return found == AGREED && dated && (s->out->flags & TACHO__PRICE_ENTRY_SIBLINGS) ? DIFFERENT : found;
}

/* Where hosts differ, the price of whoever makes the model is the best guess: an estimate, and said to be one. */
static bool try_maker(const search *s, const char *id) {
    const tacho__price_alias *aliases = TACHO__PRICE_AT(s->table, TACHO__PRICE_ALIASES, tacho__price_alias);
    for (uint32_t i = 0; i < TACHO__PRICE_COUNT(s->table, TACHO__PRICE_ALIASES); i++) {
        if (aliases[i].kind == TACHO__PRICE_ALIAS_MAKES &&
            tacho__glob_matches(tacho__price_text_at(s->table, aliases[i].text), id) &&
            try_provider(s, aliases[i].provider, id, TACHO_PRICE_MATCH_MAKER)) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------------------- users
 */

bool tacho__glob_matches(const char *pattern, const char *text) {
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == 0;
}

static bool try_globs(const search *s, uint16_t provider, const char *id) {
    const tacho__price_glob *globs = TACHO__PRICE_AT(s->table, TACHO__PRICE_GLOBS, tacho__price_glob);
    for (uint32_t i = TACHO__PRICE_COUNT(s->table, TACHO__PRICE_GLOBS); i-- > 0;) {
        const tacho__price_glob *glob = &globs[i];
        if (glob->list_count == 0 || (glob->provider != TACHO__PRICE_NONE && glob->provider != provider) ||
            !tacho__glob_matches(tacho__price_text_at(s->table, glob->pattern), id)) {
            continue;
        }
        tacho__price_entry entry = {
            .id = glob->pattern, .list = glob->list, .list_count = glob->list_count, .provider = glob->provider};
        accept(s, &entry, TACHO_PRICE_MATCH_USER_GLOB);
        tell(s, "user's pattern", glob->provider, s->out->id, true);
        return true;
    }
    return false;
}

/* A call that names no provider, or names it in the id: what the user says of this model under one, or alike under all.
 */
static bool try_user_hosts(const search *s, const char *id, size_t length) {
    const char *slash = strchr(id, '/');
    uint16_t prefix = slash ? tacho__match_provider(s->table, id, (size_t)(slash - id)) : TACHO__PRICE_NONE;
    if (prefix != TACHO__PRICE_NONE && slash[1] &&
        try_exact(s, prefix, slash + 1, length - (size_t)(slash + 1 - id), TACHO_PRICE_MATCH_USER, "user's price")) {
        return true;
    }
    if (try_agreeing(s, id, length) != AGREED) {
        return false;
    }
    s->out->match = TACHO_PRICE_MATCH_USER;
    return true;
}

/* In the user's table the provider "*" stands for any. */
static bool try_user(const search *s, const char *provider, const char *id) {
    size_t length = strlen(id);
    uint16_t known = *provider ? tacho__match_provider(s->table, provider, strlen(provider)) : TACHO__PRICE_NONE;
    uint16_t any = provider_by_name(s->table, "*", 1);
    if ((known != TACHO__PRICE_NONE && try_exact(s, known, id, length, TACHO_PRICE_MATCH_USER, "user's price")) ||
        (any != TACHO__PRICE_NONE && try_exact(s, any, id, length, TACHO_PRICE_MATCH_USER, "user's price")) ||
        (!*provider && try_user_hosts(s, id, length))) {
        return true;
    }
    return try_globs(s, known, id);
}

/* -------------------------------------------------------------------------------------------------------- the search
 */

/* What stands before an id without being part of it: "models/", "publishers/x/models/", Bedrock's ARNs. */
static const char *without_path(const char *id) {
    if (strncmp(id, "arn:aws", 7) == 0) {
        const char *slash = strstr(id, "inference-profile/");
        slash = slash ? slash + strlen("inference-profile/") - 1 : strstr(id, "foundation-model/");
        return slash ? strchr(slash, '/') + 1 : id;
    }
    if (strncmp(id, "publishers/", 11) == 0) {
        const char *models = strstr(id, "/models/");
        return models ? models + strlen("/models/") : id;
    }
    return strncmp(id, "models/", 7) == 0 ? id + 7 : id;
}

static bool search_table(const search *s, const char *provider, const char *id) {
    uint16_t known = TACHO__PRICE_NONE;
    if (*provider) {
        known = tacho__match_provider(s->table, provider, strlen(provider));
        tell(s, "provider", known, provider, known != TACHO__PRICE_NONE);
        if (known != TACHO__PRICE_NONE && try_provider(s, known, id, 0)) {
            return true;
        }
    }
    const char *slash = strchr(id, '/');
    uint16_t prefix = slash ? provider_by_name(s->table, id, (size_t)(slash - id)) : TACHO__PRICE_NONE;
    if (prefix != TACHO__PRICE_NONE && slash[1]) {
        uint16_t at = *provider ? known : prefix;
        if (at != TACHO__PRICE_NONE && (try_provider(s, at, slash + 1, 0) || try_fallbacks(s, at, slash + 1))) {
            return true;
        }
    }
    if (*provider) {
        return known != TACHO__PRICE_NONE && try_fallbacks(s, known, id);
    }
    return try_agreeing_decorated(s, id) == AGREED || try_maker(s, id);
}

/* A factor of the user's contract: a pattern without prices of its own. The user may write the provider's alias. */
static bool is_contract_for(const tacho_price_table *user, const tacho__price_glob *glob, const tacho__match *found) {
    if (glob->list_count || !tacho__glob_matches(tacho__price_text_at(user, glob->pattern), found->id)) {
        return false;
    }
    if (glob->provider == TACHO__PRICE_NONE) {
        return true;
    }
    const char *name = provider_id(user, glob->provider);
    return provider_by_name(found->table, name, strlen(name)) == found->provider;
}

static void apply_contract(const tacho_price_table *user, tacho__match *found) {
    const tacho__price_glob *globs = TACHO__PRICE_AT(user, TACHO__PRICE_GLOBS, tacho__price_glob);
    for (uint32_t i = TACHO__PRICE_COUNT(user, TACHO__PRICE_GLOBS); i-- > 0;) {
        if (is_contract_for(user, &globs[i], found)) {
            const tacho__price_modifier *modifier =
                TACHO__PRICE_AT(user, TACHO__PRICE_MODIFIERS, tacho__price_modifier) + (globs[i].list >> 8);
            found->numerator = modifier->numerator;
            found->denominator = modifier->denominator;
            return;
        }
    }
}

/* From the table `first` on down; `table` is the topmost, whose contracts hold for all below it. */
static bool find_from(const tacho_price_table *table, const tacho_price_table *first, const char *provider,
                      const char *model, tacho__match *out, tacho__match_step step, void *context) {
    char id_text[TACHO__MODEL_ID_MAX + 1], provider_text[TACHO__MODEL_ID_MAX + 1] = "";
    const tacho__match nothing = {.table = table, .provider = TACHO__PRICE_NONE, .id = ""};
    *out = nothing;
    if (!model || !tacho__match_fold(model, id_text)) {
        return false;
    }
    if (provider) {
        tacho__match_fold(provider, provider_text);
    }
    const char *id = without_path(id_text);
    for (const tacho_price_table *at = first; at; at = at->base) {
        search s = {at, out, step, context};
        bool found = at->sheets->flags & TACHO__PRICE_TABLE_USER ? try_user(&s, provider_text, id)
                                                                 : search_table(&s, provider_text, id);
        if (found) {
            for (const tacho_price_table *user = table; user != at; user = user->base) {
                apply_contract(user, out);
            }
            return true;
        }
        *out = nothing;
    }
    return false;
}

bool tacho__match_find(const tacho_price_table *table, const char *provider, const char *model, tacho__match *out,
                       tacho__match_step step, void *context) {
    return find_from(table, table, provider, model, out, step, context);
}

static bool always_holds(const tacho__match *match) {
    const tacho__price_sheet *sheets = TACHO__PRICE_AT(match->table, TACHO__PRICE_SHEETS, tacho__price_sheet);
    for (uint32_t i = 0; i < match->list_count; i++) {
        const tacho__price_sheet *sheet = &sheets[match->list[i]];
        if (sheet->service == TACHO_PRICE_SERVICE_STANDARD && sheet->region == TACHO__PRICE_REGION_ANY &&
            sheet->from_minute == 0 && sheet->to_minute == TACHO__PRICE_ALWAYS &&
            sheet->hour_from == TACHO__PRICE_ANY_HOUR && sheet->weekdays == 0x7f) {
            return true;
        }
    }
    return false;
}

bool tacho__match_below(const tacho_price_table *table, const char *provider, const char *model,
                        const tacho__match *above, tacho__match *out) {
    bool user = above->table->sheets->flags & TACHO__PRICE_TABLE_USER;
    return user && above->table->base && !always_holds(above) &&
           find_from(table, above->table->base, provider, model, out, NULL, NULL);
}
