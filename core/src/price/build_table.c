#include <tachograph/price_table.h>

#include "base/hash.h"
#include "base/memory.h"
#include "price/build_read.h"
#include "price/overrides.h"

#include <stdio.h>
#include <string.h>

typedef struct document {
    tacho__json_tree *tree;
    tacho__build_source_kind kind;
} document;

_Static_assert(TACHO__FAULT_MAX == sizeof(((tacho_price_built *)0)->fault), "a reason fits");

static void set_fault(tacho_price_built *out, size_t source, tacho__json_place place, const char *reason) {
    out->fault_source = source;
    out->fault_line = place.line;
    out->fault_column = place.column;
    snprintf(out->fault, sizeof out->fault, "%s", reason);
}

static tacho_status read_document(const tacho_price_source *source, size_t index, document *out,
                                  tacho_price_built *built) {
    tacho__json_place place = {0};
    tacho_status status = tacho__json_tree_read(&out->tree, source->text, source->length, &place);
    if (status != TACHO_OK) {
        set_fault(built, index, place, status == TACHO_NOMEM ? "out of memory" : place.reason);
        return status;
    }
    out->kind = tacho__build_recognise(tacho__json_tree_root(out->tree));
    if (out->kind == TACHO__SOURCE_UNKNOWN) {
        set_fault(built, index, (tacho__json_place){.line = 1, .column = 1}, "no price file of a known form");
        return TACHO_FOREIGN;
    }
    return TACHO_OK;
}

static tacho_status add_document(tacho__price_builder *builder, const tacho_price_source *source, size_t index,
                                 const document *read, bool user, tacho__build_report *report,
                                 tacho_price_built *built) {
    const tacho__json_node *root = tacho__json_tree_root(read->tree);
    tacho__price_fault fault = {.where = NULL};
    tacho_status status;
    switch (read->kind) {
    case TACHO__SOURCE_GENAI:
        status = tacho__read_genai(builder, root, report);
        break;
    case TACHO__SOURCE_LITELLM:
        status = tacho__read_litellm(builder, root, report);
        break;
    default:
        status = tacho__read_own(builder, root, user, report, &fault);
    }
    if (fault.where) {
        set_fault(built, index, tacho__json_tree_place(source->text, source->length, fault.where), fault.reason);
    }
    return status;
}

static void name_source(tacho__price_builder *builder, const tacho_price_source *source) {
    char hash[17];
    tacho__hex_text(tacho__hash(source->text, source->length, 0), hash);
    tacho__build_source(builder, source->name ? source->name : "", source->version ? source->version : "", hash);
}

/* Kinds in the order in which they build on each other; our own corrections stand between litellm and what is given. */
static tacho_status add_all(tacho__price_builder *builder, const tacho_price_source *sources, const document *documents,
                            size_t count, uint32_t flags, tacho__build_report *report, tacho_price_built *built) {
    static const tacho__build_source_kind order[] = {TACHO__SOURCE_GENAI, TACHO__SOURCE_LITELLM, TACHO__SOURCE_OWN};
    bool user = flags & TACHO_PRICE_BUILD_USER;
    for (size_t kind = 0; kind < 3; kind++) {
        if (order[kind] == TACHO__SOURCE_OWN && !user && !(flags & TACHO_PRICE_BUILD_NO_OVERRIDES)) {
            tacho_status status = tacho__add_overrides(builder, report);
            if (status != TACHO_OK) {
                return status;
            }
        }
        for (size_t i = 0; i < count; i++) {
            if (documents[i].kind != order[kind]) {
                continue;
            }
            tacho_status status = add_document(builder, &sources[i], i, &documents[i], user, report, built);
            if (status != TACHO_OK) {
                return status;
            }
            name_source(builder, &sources[i]);
        }
    }
    return TACHO_OK;
}

static tacho_status finish(tacho__price_builder *builder, uint32_t date, const tacho__build_report *report,
                           tacho_price_built *out) {
    tacho__buffer bytes = TACHO__BUFFER_INIT;
    tacho_status status = tacho__build_finish(builder, date, &bytes);
    if (status != TACHO_OK || report->text.failed) {
        tacho__buffer_free(&bytes);
        return status != TACHO_OK ? status : TACHO_NOMEM;
    }
    out->bytes = bytes.data;
    out->length = bytes.length;
    out->models = (uint32_t)tacho__build_count(builder);
    out->rejected = report->rejected;
    out->quarantined = report->quarantined;
    out->reviewed = report->reviewed;
    return TACHO_OK;
}

static bool is_user(const document *documents, size_t count, uint32_t flags) {
    bool own = flags & TACHO_PRICE_BUILD_DETECT;
    for (size_t i = 0; i < count; i++) {
        own &= documents[i].kind == TACHO__SOURCE_OWN;
    }
    return own || (flags & TACHO_PRICE_BUILD_USER);
}

static tacho_status build(tacho__price_builder *builder, const tacho_price_source *sources, document *documents,
                          size_t count, uint32_t date, uint32_t flags, const tacho_price_table *previous,
                          tacho_price_built *out) {
    tacho__build_report report = {.text = TACHO__BUFFER_INIT};
    tacho_status status = TACHO_OK;
    for (size_t i = 0; i < count && status == TACHO_OK; i++) {
        status = read_document(&sources[i], i, &documents[i], out);
    }
    bool user = is_user(documents, count, flags);
    tacho__build_flags(builder, user ? TACHO__PRICE_TABLE_USER | TACHO__PRICE_TABLE_OVER_REPORTED : 0);
    flags |= user ? TACHO_PRICE_BUILD_USER : 0;
    if (status == TACHO_OK) {
        status = add_all(builder, sources, documents, count, flags, &report, out);
    }
    if (status == TACHO_OK) {
        tacho__gate_all(builder, previous, &report);
        status = finish(builder, date, &report, out);
    }
    tacho__buffer_string(&report.text, "");
    out->report = (char *)(uintptr_t)tacho__buffer_text(&report.text); /* the buffer's memory is the caller's now */
    return out->report ? status : TACHO_NOMEM;
}

tacho_status tacho_price_build(const tacho_price_source *sources, size_t count, uint32_t date, uint32_t flags,
                               const tacho_price_table *previous, tacho_price_built *out) {
    if (!out || (!sources && count)) {
        return TACHO_INVALID;
    }
    *out = (tacho_price_built){.struct_size = (uint32_t)sizeof *out};
    document *documents = tacho__calloc(count + 1, sizeof *documents);
    tacho__price_builder *builder = tacho__price_builder_new();
    tacho_status status = TACHO_NOMEM;
    if (documents && builder) {
        status = build(builder, sources, documents, count, date, flags, previous, out);
    }
    for (size_t i = 0; documents && i < count; i++) {
        tacho__json_tree_free(documents[i].tree);
    }
    tacho__free(documents);
    tacho__price_builder_free(builder);
    return status;
}

void tacho_price_built_clear(tacho_price_built *built) {
    if (built) {
        tacho__free(built->bytes);
        tacho__free(built->report);
        *built = (tacho_price_built){.struct_size = (uint32_t)sizeof *built};
    }
}
