#include "price/own_shape.h"

#include "base/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 16

typedef enum value_kind {
    TEXT,
    TEXTS, /* array of texts */
    COUNT, /* whole number that fits 32 bits */
    FACTOR,
    RATES,  /* object; the reader knows the units */
    LIST,   /* array of objects */
    BY_NAME /* object of objects, under names of the file's own */
} value_kind;

typedef struct shape shape;

typedef struct member {
    const char *name;
    value_kind kind;
    const shape *of; /* of LIST and BY_NAME */
} member;

struct shape {
    const char *what;
    member members[MEMBERS_MAX]; /* up to the first without a name */
};

static const shape band_shape = {"a band", {{"above", COUNT, NULL}, {"from", COUNT, NULL}, {"rates", RATES, NULL}}};

static const shape price_shape = {"a price",
                                  {{"model", TEXT, NULL},
                                   {"provider", TEXT, NULL},
                                   {"rates", RATES, NULL},
                                   {"per", COUNT, NULL},
                                   {"currency", TEXT, NULL},
                                   {"from", TEXT, NULL},
                                   {"to", TEXT, NULL},
                                   {"hours", TEXT, NULL},
                                   {"service", TEXT, NULL},
                                   {"region", TEXT, NULL},
                                   {"context", COUNT, NULL},
                                   {"bands", LIST, &band_shape},
                                   {"source", TEXT, NULL},
                                   {"date", TEXT, NULL}}};

static const shape modifier_shape = {"a modifier",
                                     {{"factor", FACTOR, NULL},
                                      {"provider", TEXT, NULL},
                                      {"models", TEXTS, NULL},
                                      {"service", TEXT, NULL},
                                      {"region", TEXT, NULL},
                                      {"source", TEXT, NULL},
                                      {"date", TEXT, NULL}}};

static const shape alias_shape = {"an alias",
                                  {{"provider", TEXT, NULL},
                                   {"id", TEXT, NULL},
                                   {"of", TEXT, NULL},
                                   {"is", TEXT, NULL},
                                   {"source", TEXT, NULL},
                                   {"date", TEXT, NULL}}};

static const shape provider_shape = {"a provider",
                                     {{"aliases", TEXTS, NULL},
                                      {"hosts", TEXTS, NULL},
                                      {"makes", TEXTS, NULL},
                                      {"fallback", TEXTS, NULL},
                                      {"source", TEXT, NULL},
                                      {"date", TEXT, NULL}}};

static const shape file_shape = {"a file of prices",
                                 {{"$schema", TEXT, NULL},
                                  {"prices", LIST, &price_shape},
                                  {"modifiers", LIST, &modifier_shape},
                                  {"aliases", LIST, &alias_shape},
                                  {"providers", BY_NAME, &provider_shape}}};

tacho_status tacho__price_refuse(tacho__price_fault *fault, const tacho__json_node *where, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->reason, sizeof fault->reason, format, arguments);
    va_end(arguments);
    fault->where = where;
    return TACHO_INVALID;
}

static tacho_status check_object(const tacho__json_node *object, const shape *expected, tacho__price_fault *fault);

static bool is_count(const tacho__json_node *value) {
    return value->kind == TACHO__JSON_TREE_NUMBER && strspn(value->text, "0123456789") == value->length &&
           strtoull(value->text, NULL, 10) <= UINT32_MAX;
}

static tacho_status check_texts(const tacho__json_node *list, tacho__price_fault *fault) {
    if (list->kind != TACHO__JSON_TREE_ARRAY) {
        return tacho__price_refuse(fault, list, "\"%s\" is an array of texts", list->key);
    }
    for (const tacho__json_node *text = list->first; text; text = text->next) {
        if (text->kind != TACHO__JSON_TREE_STRING) {
            return tacho__price_refuse(fault, text, "\"%s\" is an array of texts", list->key);
        }
    }
    return TACHO_OK;
}

static tacho_status check_objects(const tacho__json_node *list, tacho__json_kind kind, const shape *expected,
                                  tacho__price_fault *fault) {
    if (list->kind != kind) {
        return tacho__price_refuse(fault, list, "\"%s\" is an %s", list->key,
                                   kind == TACHO__JSON_TREE_ARRAY ? "array of objects" : "object of objects");
    }
    tacho_status status = TACHO_OK;
    for (const tacho__json_node *object = list->first; object && status == TACHO_OK; object = object->next) {
        status = check_object(object, expected, fault);
    }
    return status;
}

static tacho_status check_value(const tacho__json_node *value, const member *expected, tacho__price_fault *fault) {
    bool text = value->kind == TACHO__JSON_TREE_STRING;
    switch (expected->kind) {
    case TEXT:
        return text ? TACHO_OK : tacho__price_refuse(fault, value, "\"%s\" is a text", value->key);
    case COUNT:
        return is_count(value) ? TACHO_OK
                               : tacho__price_refuse(fault, value, "\"%s\" is a whole number, at least 0", value->key);
    case FACTOR:
        return text || value->kind == TACHO__JSON_TREE_NUMBER
                   ? TACHO_OK
                   : tacho__price_refuse(fault, value, "a \"factor\" is written 1/2 or 11/10");
    case RATES:
        return value->kind == TACHO__JSON_TREE_OBJECT
                   ? TACHO_OK
                   : tacho__price_refuse(fault, value, "\"rates\" is an object: {unit: USD, ...}");
    case TEXTS:
        return check_texts(value, fault);
    case LIST:
        return check_objects(value, TACHO__JSON_TREE_ARRAY, expected->of, fault);
    case BY_NAME:
        return check_objects(value, TACHO__JSON_TREE_OBJECT, expected->of, fault);
    }
    return TACHO_OK;
}

/* Index of a member, or -1 with a reason that names the one that was probably meant. */
static int find_member(const tacho__json_node *value, const shape *expected, tacho__price_fault *fault) {
    const char *names[MEMBERS_MAX];
    int count = 0;
    for (; count < MEMBERS_MAX && expected->members[count].name; count++) {
        names[count] = expected->members[count].name;
        if (strcmp(value->key, names[count]) == 0) {
            return count;
        }
    }
    tacho__price_refuse(fault, value, "%s has no member \"%.32s\"; the nearest is \"%s\"", expected->what, value->key,
                        names[tacho__nearest(value->key, names, (size_t)count)]);
    return -1;
}

static tacho_status check_object(const tacho__json_node *object, const shape *expected, tacho__price_fault *fault) {
    if (object->kind != TACHO__JSON_TREE_OBJECT) {
        return tacho__price_refuse(fault, object, "%s is an object", expected->what);
    }
    uint32_t seen = 0;
    for (const tacho__json_node *value = object->first; value; value = value->next) {
        int index = find_member(value, expected, fault);
        if (index < 0) {
            return TACHO_INVALID;
        }
        if (seen & 1u << index) {
            return tacho__price_refuse(fault, value, "\"%s\" is given twice", value->key);
        }
        seen |= 1u << index;
        tacho_status status = check_value(value, &expected->members[index], fault);
        if (status != TACHO_OK) {
            return status;
        }
    }
    return TACHO_OK;
}

tacho_status tacho__own_shape(const tacho__json_node *root, tacho__price_fault *fault) {
    return check_object(root, &file_shape, fault);
}
