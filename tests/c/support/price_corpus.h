/** Shared by the price tests: JSON trees as host values and as text again, files of TACHO_TEST_DATA. */
#ifndef TACHO_TEST_PRICE_CORPUS_H
#define TACHO_TEST_PRICE_CORPUS_H

#include "base/buffer.h"
#include "price/json_tree.h"
#include "wire/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/price_table.h>

/* A file of the shared data, or NULL with a line that says so. The caller frees it. */
static inline char *corpus_file(const char *name, size_t *length) {
    const char *folder = getenv("TACHO_TEST_DATA");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    FILE *file = folder ? fopen(path, "rb") : NULL;
    if (!file) {
        printf("skipped: TACHO_TEST_DATA has no %s\n", name);
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = malloc((size_t)size + 1);
    *length = text ? fread(text, 1, (size_t)size, file) : 0;
    if (text) {
        text[*length] = 0;
    }
    fclose(file);
    return text;
}

/* A table from files of the shared data, as `tacho prices build` makes it; NULL when they are not there. */
static inline tacho_price_table *corpus_table(const char *const *names, size_t count, uint32_t date) {
    tacho_price_source sources[4];
    char *texts[4] = {NULL};
    bool there = true;
    for (size_t i = 0; i < count; i++) {
        sources[i] = (tacho_price_source)TACHO_PRICE_SOURCE_INIT;
        sources[i].name = names[i];
        texts[i] = corpus_file(names[i], &sources[i].length);
        sources[i].text = texts[i];
        there &= texts[i] != NULL;
    }
    tacho_price_table *table = NULL;
    if (there) {
        tacho_price_built built;
        if (tacho_price_build(sources, count, date, 0, NULL, &built) != TACHO_OK ||
            tacho_price_table_load(&table, built.bytes, built.length, NULL) != TACHO_OK) {
            printf("building failed: %s\n", built.fault);
        }
        tacho_price_built_clear(&built);
    }
    for (size_t i = 0; i < count; i++) {
        free(texts[i]);
    }
    return table;
}

/* ------------------------------------------------------------------------------------- a JSON tree as a host value */

static inline tacho_value_kind corpus_kind(void *context, void *value) {
    (void)context;
    const tacho__json_node *node = value;
    switch (node->kind) {
    case TACHO__JSON_TREE_BOOLEAN:
        return TACHO_VALUE_BOOLEAN;
    case TACHO__JSON_TREE_NUMBER:
        return TACHO_VALUE_NUMBER;
    case TACHO__JSON_TREE_STRING:
        return TACHO_VALUE_TEXT;
    case TACHO__JSON_TREE_OBJECT:
        return TACHO_VALUE_MAP;
    case TACHO__JSON_TREE_ARRAY:
        return TACHO_VALUE_ARRAY;
    default:
        return TACHO_VALUE_NULL;
    }
}

static inline int corpus_get_key(void *context, void *value, const char *name, void **out) {
    (void)context;
    *out = (void *)(uintptr_t)tacho__json_member(value, name);
    return *out != NULL;
}

static inline size_t corpus_length(void *context, void *value) {
    (void)context;
    size_t length = 0;
    for (const tacho__json_node *node = ((const tacho__json_node *)value)->first; node; node = node->next) {
        length++;
    }
    return length;
}

static inline int corpus_get_index(void *context, void *value, size_t index, void **out) {
    (void)context;
    const tacho__json_node *node = ((const tacho__json_node *)value)->first;
    while (node && index--) {
        node = node->next;
    }
    *out = (void *)(uintptr_t)node;
    return node != NULL;
}

static inline size_t corpus_text(void *context, void *value, char *out, size_t size) {
    (void)context;
    const tacho__json_node *node = value;
    size_t length = node->length < size ? node->length : size;
    memcpy(out, node->text, length);
    return length;
}

static inline int corpus_truth(void *context, void *value) {
    (void)context;
    return strcmp(((const tacho__json_node *)value)->text, "true") == 0;
}

static inline void corpus_release(void *context, void *value) {
    (void)context;
    (void)value;
}

static inline int corpus_each(void *context, void *value, tacho_value_visit visit, void *visitor) {
    (void)context;
    for (const tacho__json_node *at = ((const tacho__json_node *)value)->first; at; at = at->next) {
        visit(visitor, at->key, strlen(at->key), (void *)(uintptr_t)at);
    }
    return 1;
}

static inline tacho_value_source corpus_source(const tacho__json_node *node) {
    return (tacho_value_source){.struct_size = (uint32_t)sizeof(tacho_value_source),
                                .root = (void *)(uintptr_t)node,
                                .kind = corpus_kind,
                                .get_key = corpus_get_key,
                                .length = corpus_length,
                                .get_index = corpus_get_index,
                                .text = corpus_text,
                                .truth = corpus_truth,
                                .release = corpus_release};
}

/* ------------------------------------------------------------------------------------------ a JSON tree as text again
 */

static inline void corpus_write(tacho__json_writer *writer, const tacho__json_node *node) {
    switch (node->kind) {
    case TACHO__JSON_TREE_NULL:
        tacho__json_null(writer);
        break;
    case TACHO__JSON_TREE_BOOLEAN:
        tacho__json_bool(writer, strcmp(node->text, "true") == 0);
        break;
    case TACHO__JSON_TREE_NUMBER:
        tacho__json_number_text(writer, node->text, node->length);
        break;
    case TACHO__JSON_TREE_STRING:
        tacho__json_string_bytes(writer, node->text, node->length);
        break;
    case TACHO__JSON_TREE_OBJECT:
        tacho__json_object_begin(writer);
        for (const tacho__json_node *member = node->first; member; member = member->next) {
            tacho__json_key(writer, member->key);
            corpus_write(writer, member);
        }
        tacho__json_object_end(writer);
        break;
    default:
        tacho__json_array_begin(writer);
        for (const tacho__json_node *member = node->first; member; member = member->next) {
            corpus_write(writer, member);
        }
        tacho__json_array_end(writer);
    }
}

static inline void corpus_json(const tacho__json_node *node, tacho__buffer *out) {
    tacho__json_writer writer;
    tacho__buffer_clear(out);
    tacho__json_writer_init(&writer, out, false);
    corpus_write(&writer, node);
}

#endif
