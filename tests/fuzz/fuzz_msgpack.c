/*
 * libFuzzer target of wire/msgpack_reader. What the check lets pass can be walked whole without leaving the bytes,
 * holds no more values than bytes, is accepted by msgpack-c as well, and every typed look-up on it ends.
 * Built with -DTACHO_BUILD_FUZZERS=ON and clang.
 */
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "wire/msgpack_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void look_up(const tacho__msgpack *value) {
    uint64_t u;
    int64_t i;
    bool b;
    double d;
    const char *text;
    const uint8_t *bytes;
    size_t length;
    tacho__msgpack inner;
    tacho__msgpack_get_uint(value, "a", &u);
    tacho__msgpack_get_int(value, "a", &i);
    tacho__msgpack_get_bool(value, "a", &b);
    tacho__msgpack_get_double(value, "a", &d);
    tacho__msgpack_get_str(value, "a", &text, &length);
    tacho__msgpack_get_bin(value, "a", &bytes, &length);
    tacho__msgpack_get_array(value, "a", &inner);
    tacho__msgpack_get_map(value, "a", &inner);
}

/* Counts values, touches every byte of content, and compares types with msgpack-c's object. */
static size_t walk(const tacho__msgpack *value, const msgpack_object *theirs) {
    size_t count = 1;
    volatile uint8_t sum = 0;
    for (size_t at = 0; at < value->length; at++) {
        sum = (uint8_t)(sum + value->bytes[at]);
    }
    tacho__msgpack inner, key;
    tacho__msgpack_walker walker = tacho__msgpack_walk(value);
    if (value->type == TACHO__MSGPACK_ARRAY) {
        require(theirs->type == MSGPACK_OBJECT_ARRAY && theirs->via.array.size == value->count);
        for (uint32_t at = 0; tacho__msgpack_next(&walker, &inner); at++) {
            count += walk(&inner, &theirs->via.array.ptr[at]);
        }
    } else if (value->type == TACHO__MSGPACK_MAP) {
        require(theirs->type == MSGPACK_OBJECT_MAP && theirs->via.map.size == value->count);
        look_up(value);
        for (uint32_t at = 0; tacho__msgpack_next_pair(&walker, &key, &inner); at++) {
            count += walk(&key, &theirs->via.map.ptr[at].key) + walk(&inner, &theirs->via.map.ptr[at].val);
        }
    } else if (value->type == TACHO__MSGPACK_UINT) {
        require(theirs->type == MSGPACK_OBJECT_POSITIVE_INTEGER && theirs->via.u64 == value->as.u);
    } else if (value->type == TACHO__MSGPACK_INT) {
        require(theirs->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && theirs->via.i64 == value->as.i);
    } else if (value->type == TACHO__MSGPACK_STR) {
        require(theirs->type == MSGPACK_OBJECT_STR && theirs->via.str.size == value->length);
    }
    require(walker.left == 0);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tacho__msgpack root;
    size_t offset = 0;
    tacho_status status = tacho__msgpack_check(data, size, 1 << 16, &root, &offset);
    require(offset <= size);
    require(status == TACHO_OK || status == TACHO_DAMAGED || status == TACHO_LIMIT);
    if (status != TACHO_OK) {
        return 0;
    }
    msgpack_unpacked theirs;
    size_t used = 0;
    msgpack_unpacked_init(&theirs);
    require(msgpack_unpack_next(&theirs, (const char *)data, size, &used) == MSGPACK_UNPACK_SUCCESS && used == size);
    require(walk(&root, &theirs.data) <= size);
    msgpack_unpacked_destroy(&theirs);
    return 0;
}
