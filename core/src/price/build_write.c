#include "price/build_state.h"

#include "base/hash.h"
#include "base/memory.h"
#include "price/decoration.h"
#include "wire/msgpack_writer.h"

#include <stdlib.h>
#include <string.h>

/* A dated id may lend its base id's price to other dates only while all dated ids of that base cost the same. */
static void mark_siblings(tacho__price_builder *builder) {
    for (size_t i = 0; i < builder->count; i++) {
        char base[256];
        if (!tacho__decoration_cut_date(builder->models[i].id, base)) {
            continue;
        }
        tacho__built_model *model = tacho__build_find_own(builder, builder->models[i].provider, base);
        if (model && (model->list != builder->models[i].list || model->list_count != builder->models[i].list_count)) {
            model->flags |= TACHO__PRICE_ENTRY_SIBLINGS;
        }
    }
}

static int by_hash(const void *left, const void *right) {
    const tacho__price_entry *a = left, *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    if (a->provider != b->provider) {
        return a->provider < b->provider ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_length(const void *left, const void *right) {
    size_t a = strlen((*(tacho__built_model *const *)left)->id), b = strlen((*(tacho__built_model *const *)right)->id);
    return a < b   ? 1
           : a > b ? -1
                   : strcmp((*(tacho__built_model *const *)left)->id, (*(tacho__built_model *const *)right)->id);
}

/* An id that ends another one ("gpt-4o" in "openai/gpt-4o") is kept inside it: a tenth of the table. Long ones first.
 */
static tacho__price_text put_id(tacho__price_builder *builder, tacho__pool *endings, const char *id) {
    uint32_t at;
    size_t length = strlen(id);
    if (tacho__pool_find(endings, id, length, &at)) {
        return at << 8 | (uint32_t)length;
    }
    tacho__price_text text = tacho__build_text(builder, id);
    for (size_t i = 1; i < length; i++) {
        uint32_t known;
        bool begins = strchr("/.:@", id[i - 1]) != NULL;
        if (begins && !tacho__pool_find(endings, id + i, length - i, &known)) {
            tacho__pool_name(endings, id + i, length - i, (text >> 8) + (uint32_t)i);
        }
    }
    return text;
}

static void put_ids(tacho__price_builder *builder, tacho__price_text *texts) {
    tacho__pool endings = {0};
    const tacho__built_model **order = tacho__calloc(builder->count + 1, sizeof *order);
    builder->failed |= !order;
    for (size_t i = 0; order && i < builder->count; i++) {
        order[i] = &builder->models[i];
    }
    if (order) {
        qsort(order, builder->count, sizeof *order, by_length);
    }
    for (size_t i = 0; order && i < builder->count; i++) {
        texts[order[i] - builder->models] = put_id(builder, &endings, order[i]->id);
    }
    builder->failed |= endings.failed;
    tacho__pool_free(&endings);
    tacho__free(order);
}

static tacho__price_entry *make_entries(tacho__price_builder *builder) {
    tacho__price_entry *entries = tacho__calloc(builder->count + 1, sizeof *entries);
    tacho__price_text *texts = tacho__calloc(builder->count + 1, sizeof *texts);
    builder->failed |= !texts;
    if (texts) {
        put_ids(builder, texts);
    }
    for (size_t i = 0; entries && texts && i < builder->count; i++) {
        const tacho__built_model *model = &builder->models[i];
        uint32_t context = tacho__pool_put(&builder->pools[TACHO__PRICE_CONTEXTS], &model->context, 4, 4) / 4;
        entries[i] = (tacho__price_entry){
            .hash = (uint32_t)tacho__hash(model->id, strlen(model->id), 0),
            .id = texts[i],
            .list = model->list << 8 | model->flags,
            .provider = model->provider,
            .list_count = (uint8_t)model->list_count,
            .context = (uint8_t)(context > 255 ? 0 : context),
        };
        builder->overfull |= model->list >= 1u << 24;
    }
    tacho__free(texts);
    if (entries) {
        qsort(entries, builder->count, sizeof *entries, by_hash);
    }
    return entries;
}

static const size_t element_sizes[TACHO__PRICE_SECTIONS] = {
#define X(name, type) sizeof(type),
    TACHO__PRICE_SECTION_MAP(X)
#undef X
};

/* Names first, each kind by its text: pricing looks names up by halving. */
static int by_alias(const void *left, const void *right, void *texts) {
    const tacho__price_alias *a = left, *b = right;
    const char *text = texts;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    return strcmp(text + (a->text >> 8), text + (b->text >> 8));
}

static void sort_aliases(tacho__price_builder *builder) {
    tacho__pool *aliases = &builder->pools[TACHO__PRICE_ALIASES];
    if (aliases->bytes) {
        qsort_r(aliases->bytes, aliases->length / sizeof(tacho__price_alias), sizeof(tacho__price_alias), by_alias,
                builder->pools[TACHO__PRICE_TEXTS].bytes);
    }
}

static void write_section(tacho__buffer *out, size_t start, tacho__price_header *header, int section, const void *bytes,
                          size_t length) {
    while ((out->length - start) % 8) {
        tacho__buffer_byte(out, 0);
    }
    header->sections[section].offset = (uint32_t)(out->length - start);
    header->sections[section].count = (uint32_t)(length / element_sizes[section]);
    tacho__buffer_append(out, bytes, length);
}

static void write_sheets(tacho__price_builder *builder, const tacho__price_entry *entries, uint32_t date,
                         tacho__buffer *out) {
    tacho__price_header header = {.magic = TACHO__PRICE_MAGIC, .flags = builder->flags, .date = date};
    size_t start = out->length;
    tacho__buffer_append(out, &header, sizeof header);
    for (int section = 0; section < TACHO__PRICE_SECTIONS; section++) {
        const tacho__pool *pool = &builder->pools[section];
        const void *bytes = section == TACHO__PRICE_MODELS      ? (const void *)entries
                            : section == TACHO__PRICE_PROVIDERS ? (const void *)builder->providers
                                                                : tacho__pool_at(pool, 0);
        size_t length = section == TACHO__PRICE_MODELS      ? builder->count * sizeof *entries
                        : section == TACHO__PRICE_PROVIDERS ? builder->provider_count * sizeof *builder->providers
                                                            : pool->length;
        write_section(out, start, &header, section, bytes, length);
    }
    header.length = (uint32_t)(out->length - start);
    if (out->failed) {
        return;
    }
    memcpy(out->data + start, &header, sizeof header);
    size_t hashed = offsetof(tacho__price_header, flags);
    header.checksum = tacho__hash(out->data + start + hashed, header.length - hashed, 0);
    memcpy(out->data + start, &header, sizeof header);
}

static void write_front(const tacho__price_builder *builder, uint32_t date, size_t sheets_length, tacho__buffer *out) {
    tacho__msgpack_put_map(out, 6);
    tacho__msgpack_put_key(out, "format");
    tacho__msgpack_put_key(out, TACHO__PRICE_FORMAT);
    tacho__msgpack_put_key(out, "version");
    tacho__msgpack_put_uint(out, TACHO__PRICE_VERSION);
    tacho__msgpack_put_key(out, "date");
    tacho__msgpack_put_uint(out, date);
    tacho__msgpack_put_key(out, "sources");
    tacho__msgpack_put_array(out, builder->source_count);
    for (uint32_t i = 0; i < builder->source_count; i++) {
        tacho__msgpack_put_map(out, 3);
        tacho__msgpack_put_key(out, "name");
        tacho__msgpack_put_key(out, builder->sources[i].name);
        tacho__msgpack_put_key(out, "version");
        tacho__msgpack_put_key(out, builder->sources[i].version);
        tacho__msgpack_put_key(out, "hash");
        tacho__msgpack_put_key(out, builder->sources[i].hash);
    }
    /* The padding makes the content of `sheets` begin at a multiple of 8 bytes from the start of the file. */
    size_t bin_header = sheets_length < 256 ? 2 : sheets_length < 65536 ? 3 : 5;
    size_t ahead = out->length + strlen("pad") + 1 + 2 + strlen("sheets") + 1 + bin_header;
    char zeros[8] = {0};
    tacho__msgpack_put_key(out, "pad");
    tacho__msgpack_put_bin(out, zeros, (8 - ahead % 8) % 8);
    tacho__msgpack_put_key(out, "sheets");
}

static bool any_pool_failed(const tacho__price_builder *builder) {
    bool failed = builder->failed || builder->ids.failed;
    for (int section = 0; section < TACHO__PRICE_SECTIONS; section++) {
        failed |= builder->pools[section].failed;
    }
    return failed;
}

tacho_status tacho__build_finish(tacho__price_builder *builder, uint32_t date, tacho__buffer *out) {
    mark_siblings(builder);
    sort_aliases(builder);
    tacho__price_entry *entries = make_entries(builder);
    tacho__buffer sheets = TACHO__BUFFER_INIT;
    tacho_status status = TACHO_NOMEM;
    if (entries && !any_pool_failed(builder)) {
        write_sheets(builder, entries, date, &sheets);
        write_front(builder, date, sheets.length, out);
        tacho__msgpack_put_bin(out, sheets.data, sheets.length);
        status = sheets.failed ? TACHO_NOMEM : tacho__buffer_status(out);
        if (status == TACHO_OK && (builder->overfull || out->length > TACHO__PRICE_MAX)) {
            status = TACHO_LIMIT;
        }
    }
    tacho__buffer_free(&sheets);
    tacho__free(entries);
    return status;
}
