#include "wire/msgpack_reader.h"

#include <string.h>

static uint64_t big_endian(const uint8_t *bytes, unsigned size) {
    uint64_t value = 0;
    for (unsigned at = 0; at < size; at++) {
        value = value << 8 | bytes[at];
    }
    return value;
}

/* What a first byte says: the type, how many bytes of number follow it, or the number itself if it is inside the byte.
 */
typedef struct shape {
    uint8_t type;
    uint8_t size;     /* bytes of number that follow */
    uint8_t extra;    /* the type byte of an ext, after the number */
    uint8_t is_float; /* the number is a binary float */
    uint8_t is_signed;
} shape;

/* 0xc0 .. 0xdf; 0xc1 (never used) has no entry here. */
static const shape shapes[32] = {
    [0x00] = {.type = TACHO__MSGPACK_NIL},
    [0x02] = {.type = TACHO__MSGPACK_BOOL},
    [0x03] = {.type = TACHO__MSGPACK_BOOL},
    [0x04] = {.type = TACHO__MSGPACK_BIN, .size = 1},
    [0x05] = {.type = TACHO__MSGPACK_BIN, .size = 2},
    [0x06] = {.type = TACHO__MSGPACK_BIN, .size = 4},
    [0x07] = {.type = TACHO__MSGPACK_EXT, .size = 1, .extra = 1},
    [0x08] = {.type = TACHO__MSGPACK_EXT, .size = 2, .extra = 1},
    [0x09] = {.type = TACHO__MSGPACK_EXT, .size = 4, .extra = 1},
    [0x0a] = {.type = TACHO__MSGPACK_DOUBLE, .size = 4, .is_float = 1},
    [0x0b] = {.type = TACHO__MSGPACK_DOUBLE, .size = 8, .is_float = 1},
    [0x0c] = {.type = TACHO__MSGPACK_UINT, .size = 1},
    [0x0d] = {.type = TACHO__MSGPACK_UINT, .size = 2},
    [0x0e] = {.type = TACHO__MSGPACK_UINT, .size = 4},
    [0x0f] = {.type = TACHO__MSGPACK_UINT, .size = 8},
    [0x10] = {.type = TACHO__MSGPACK_INT, .size = 1, .is_signed = 1},
    [0x11] = {.type = TACHO__MSGPACK_INT, .size = 2, .is_signed = 1},
    [0x12] = {.type = TACHO__MSGPACK_INT, .size = 4, .is_signed = 1},
    [0x13] = {.type = TACHO__MSGPACK_INT, .size = 8, .is_signed = 1},
    [0x14] = {.type = TACHO__MSGPACK_EXT, .extra = 1},
    [0x15] = {.type = TACHO__MSGPACK_EXT, .extra = 1},
    [0x16] = {.type = TACHO__MSGPACK_EXT, .extra = 1},
    [0x17] = {.type = TACHO__MSGPACK_EXT, .extra = 1},
    [0x18] = {.type = TACHO__MSGPACK_EXT, .extra = 1},
    [0x19] = {.type = TACHO__MSGPACK_STR, .size = 1},
    [0x1a] = {.type = TACHO__MSGPACK_STR, .size = 2},
    [0x1b] = {.type = TACHO__MSGPACK_STR, .size = 4},
    [0x1c] = {.type = TACHO__MSGPACK_ARRAY, .size = 2},
    [0x1d] = {.type = TACHO__MSGPACK_ARRAY, .size = 4},
    [0x1e] = {.type = TACHO__MSGPACK_MAP, .size = 2},
    [0x1f] = {.type = TACHO__MSGPACK_MAP, .size = 4},
};

/* Splits a first byte into its shape and the number that it holds by itself. False for 0xc1. */
static bool shape_of(uint8_t first, shape *form, uint64_t *number) {
    static const shape negative = {.type = TACHO__MSGPACK_INT, .is_signed = 1};
    *number = 0;
    if (first < 0x80 || first >= 0xe0) {
        *form = first < 0x80 ? (shape){.type = TACHO__MSGPACK_UINT} : negative;
        *number = first < 0x80 ? first : (uint64_t)(int64_t)(int8_t)first;
    } else if (first < 0xa0) {
        *form = (shape){.type = first < 0x90 ? TACHO__MSGPACK_MAP : TACHO__MSGPACK_ARRAY};
        *number = first & 0x0f;
    } else if (first < 0xc0) {
        *form = (shape){.type = TACHO__MSGPACK_STR};
        *number = first & 0x1f;
    } else {
        *form = shapes[first - 0xc0];
        *number = first >= 0xd4 && first <= 0xd8 ? UINT64_C(1) << (first - 0xd4) : first == 0xc3;
    }
    return first != 0xc1;
}

static double as_double(const uint8_t *bytes, unsigned size) {
    uint64_t raw = big_endian(bytes, size);
    if (size == 4) {
        uint32_t half = (uint32_t)raw;
        float small;
        memcpy(&small, &half, sizeof small);
        return (double)small;
    }
    double number;
    memcpy(&number, &raw, sizeof number);
    return number;
}

/* Sign-extends an integer of `size` bytes; 0 = it already is. Integers that are not negative become UINT. */
static void set_integer(tacho__msgpack *value, uint64_t number, unsigned size) {
    unsigned unused = size == 0 ? 0 : 64 - 8 * size;
    uint64_t sign = UINT64_C(1) << (63 - unused);
    int64_t wide = (int64_t)((number ^ sign) - sign);
    value->type = wide < 0 ? TACHO__MSGPACK_INT : TACHO__MSGPACK_UINT;
    if (wide < 0) {
        value->as.i = wide;
    } else {
        value->as.u = (uint64_t)wide;
    }
}

static void set_number(tacho__msgpack *value, shape form, uint64_t number, const uint8_t *bytes) {
    if (form.is_float) {
        value->as.number = as_double(bytes, form.size);
    } else if (form.is_signed) {
        set_integer(value, number, form.size);
    } else if (form.type == TACHO__MSGPACK_BOOL) {
        value->as.boolean = number != 0;
    } else if (form.type == TACHO__MSGPACK_UINT) {
        value->as.u = number;
    } else if (form.type == TACHO__MSGPACK_ARRAY || form.type == TACHO__MSGPACK_MAP) {
        value->count = (uint32_t)number;
    } else {
        value->length = (size_t)number;
    }
}

/*
 * Reads one value at `*next` and steps over it; of an array or map only over its head. False, with `*next` unmoved, if
 * the bytes end within it or begin with 0xc1.
 */
static bool read_value(const uint8_t **next, const uint8_t *end, tacho__msgpack *value) {
    shape form;
    uint64_t number;
    if (*next >= end || !shape_of(**next, &form, &number)) {
        return false;
    }
    const uint8_t *at = *next + 1;
    if ((size_t)(end - at) < (size_t)form.size + form.extra) {
        return false;
    }
    if (form.size > 0) {
        number = big_endian(at, form.size);
    }
    *value = (tacho__msgpack){.type = (tacho__msgpack_type)form.type, .end = end};
    set_number(value, form, number, at);
    at += form.size;
    if (form.extra) {
        value->ext_type = (int8_t)*at++;
    }
    if (value->length > (size_t)(end - at)) {
        return false;
    }
    value->bytes = at;
    *next = at + value->length;
    return true;
}

/* Values directly inside: elements, or keys and values. */
static uint64_t inside(const tacho__msgpack *value) {
    return value->type == TACHO__MSGPACK_MAP ? (uint64_t)value->count * 2 : value->count;
}

static bool is_container(const tacho__msgpack *value) {
    return value->type == TACHO__MSGPACK_MAP || value->type == TACHO__MSGPACK_ARRAY;
}

/*
 * Walks one value with all that is inside it. left[d] = values still to come in the container at depth d; each needs a
 * byte at least, which bounds every count by the bytes that are left.
 */
static tacho_status scan(const uint8_t **next, const uint8_t *end) {
    uint64_t left[TACHO__MSGPACK_MAX_DEPTH + 1] = {1};
    unsigned depth = 0;
    while (left[0] > 0 || depth > 0) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        tacho__msgpack value;
        if (!read_value(next, end, &value)) {
            return TACHO_DAMAGED;
        }
        left[depth]--;
        if (!is_container(&value)) {
            continue;
        }
        if (depth == TACHO__MSGPACK_MAX_DEPTH) {
            return TACHO_LIMIT;
        }
        if (inside(&value) > (uint64_t)(end - *next)) {
            return TACHO_DAMAGED;
        }
        left[++depth] = inside(&value);
    }
    return TACHO_OK;
}

tacho_status tacho__msgpack_check(const void *bytes, size_t length, uint64_t max_bytes, tacho__msgpack *root,
                                  size_t *offset) {
    const uint8_t *first = bytes, *next = bytes;
    tacho_status status = TACHO_LIMIT;
    if (length <= (max_bytes == 0 ? TACHO__MSGPACK_MAX_BYTES : max_bytes)) {
        status = length == 0 ? TACHO_DAMAGED : scan(&next, first + length);
    }
    if (status == TACHO_OK && next != first + length) {
        status = TACHO_DAMAGED;
    }
    if (offset != NULL) {
        *offset = length == 0 ? 0 : (size_t)(next - first);
    }
    if (status == TACHO_OK) {
        next = first;
        read_value(&next, first + length, root);
    }
    return status;
}

tacho__msgpack_walker tacho__msgpack_walk(const tacho__msgpack *container) {
    if (!is_container(container)) {
        return (tacho__msgpack_walker){0};
    }
    return (tacho__msgpack_walker){.next = container->bytes, .end = container->end, .left = inside(container)};
}

bool tacho__msgpack_next(tacho__msgpack_walker *walker, tacho__msgpack *value) {
    if (walker->left == 0 || !read_value(&walker->next, walker->end, value)) {
        return false;
    }
    walker->left--;
    tacho__msgpack skipped;
    for (uint64_t open = inside(value); open > 0; open += inside(&skipped) - 1) {
        if (!read_value(&walker->next, walker->end, &skipped)) {
            return false;
        }
    }
    return true;
}

bool tacho__msgpack_next_pair(tacho__msgpack_walker *walker, tacho__msgpack *key, tacho__msgpack *value) {
    return tacho__msgpack_next(walker, key) && tacho__msgpack_next(walker, value);
}

bool tacho__msgpack_is(const tacho__msgpack *value, const char *text) {
    return value->type == TACHO__MSGPACK_STR && strlen(text) == value->length &&
           memcmp(value->bytes, text, value->length) == 0;
}

bool tacho__msgpack_get(const tacho__msgpack *map, const char *key, tacho__msgpack *value) {
    if (map->type != TACHO__MSGPACK_MAP) {
        return false;
    }
    tacho__msgpack_walker walker = tacho__msgpack_walk(map);
    tacho__msgpack here, found;
    while (tacho__msgpack_next_pair(&walker, &here, &found)) {
        if (tacho__msgpack_is(&here, key)) {
            *value = found;
            return true;
        }
    }
    return false;
}

tacho_status tacho__msgpack_as_uint(const tacho__msgpack *value, uint64_t *number) {
    if (value->type != TACHO__MSGPACK_UINT) {
        return TACHO_FOREIGN;
    }
    *number = value->as.u;
    return TACHO_OK;
}

tacho_status tacho__msgpack_as_int(const tacho__msgpack *value, int64_t *number) {
    if (value->type == TACHO__MSGPACK_INT) {
        *number = value->as.i;
        return TACHO_OK;
    }
    if (value->type != TACHO__MSGPACK_UINT || value->as.u > (uint64_t)INT64_MAX) {
        return TACHO_FOREIGN;
    }
    *number = (int64_t)value->as.u;
    return TACHO_OK;
}

/* The value of a key that has one; nil counts as none. */
static tacho_status find(const tacho__msgpack *map, const char *key, tacho__msgpack *value) {
    return tacho__msgpack_get(map, key, value) && value->type != TACHO__MSGPACK_NIL ? TACHO_OK : TACHO_NOT_FOUND;
}

static tacho_status find_typed(const tacho__msgpack *map, const char *key, tacho__msgpack_type type,
                               tacho__msgpack *value) {
    tacho__msgpack found;
    tacho_status status = find(map, key, &found);
    if (status != TACHO_OK) {
        return status;
    }
    if (found.type != type) {
        return TACHO_FOREIGN;
    }
    *value = found;
    return TACHO_OK;
}

tacho_status tacho__msgpack_get_uint(const tacho__msgpack *map, const char *key, uint64_t *value) {
    tacho__msgpack found;
    tacho_status status = find(map, key, &found);
    return status == TACHO_OK ? tacho__msgpack_as_uint(&found, value) : status;
}

tacho_status tacho__msgpack_get_int(const tacho__msgpack *map, const char *key, int64_t *value) {
    tacho__msgpack found;
    tacho_status status = find(map, key, &found);
    return status == TACHO_OK ? tacho__msgpack_as_int(&found, value) : status;
}

tacho_status tacho__msgpack_get_bool(const tacho__msgpack *map, const char *key, bool *value) {
    tacho__msgpack found;
    tacho_status status = find_typed(map, key, TACHO__MSGPACK_BOOL, &found);
    if (status == TACHO_OK) {
        *value = found.as.boolean;
    }
    return status;
}

tacho_status tacho__msgpack_get_double(const tacho__msgpack *map, const char *key, double *value) {
    tacho__msgpack found;
    tacho_status status = find(map, key, &found);
    if (status != TACHO_OK) {
        return status;
    }
    switch (found.type) {
    case TACHO__MSGPACK_DOUBLE:
        *value = found.as.number;
        return TACHO_OK;
    case TACHO__MSGPACK_UINT:
        *value = (double)found.as.u;
        return TACHO_OK;
    case TACHO__MSGPACK_INT:
        *value = (double)found.as.i;
        return TACHO_OK;
    default:
        return TACHO_FOREIGN;
    }
}

tacho_status tacho__msgpack_get_str(const tacho__msgpack *map, const char *key, const char **text, size_t *length) {
    tacho__msgpack found;
    tacho_status status = find_typed(map, key, TACHO__MSGPACK_STR, &found);
    if (status == TACHO_OK) {
        *text = (const char *)found.bytes;
        *length = found.length;
    }
    return status;
}

tacho_status tacho__msgpack_get_bin(const tacho__msgpack *map, const char *key, const uint8_t **bytes, size_t *length) {
    tacho__msgpack found;
    tacho_status status = find_typed(map, key, TACHO__MSGPACK_BIN, &found);
    if (status == TACHO_OK) {
        *bytes = found.bytes;
        *length = found.length;
    }
    return status;
}

tacho_status tacho__msgpack_get_array(const tacho__msgpack *map, const char *key, tacho__msgpack *array) {
    return find_typed(map, key, TACHO__MSGPACK_ARRAY, array);
}

tacho_status tacho__msgpack_get_map(const tacho__msgpack *map, const char *key, tacho__msgpack *value) {
    return find_typed(map, key, TACHO__MSGPACK_MAP, value);
}
