#include "wire/msgpack_writer.h"

#include "base/money.h"

#include <msgpack/pack.h>
#include <string.h>

static int write_bytes(void *out, const char *bytes, size_t length) {
    tacho__buffer_append(out, bytes, length);
    return ((tacho__buffer *)out)->failed ? -1 : 0;
}

static msgpack_packer packer_to(tacho__buffer *out) {
    return (msgpack_packer){.data = out, .callback = write_bytes};
}

/* Lengths are 32 bits wide in the format. */
static bool too_long(tacho__buffer *out, size_t length) {
    if (length > UINT32_MAX) {
        out->failed = out->over_limit = true;
    }
    return length > UINT32_MAX;
}

void tacho__msgpack_put_map(tacho__buffer *out, uint32_t pairs) {
    msgpack_packer packer = packer_to(out);
    msgpack_pack_map(&packer, pairs);
}

void tacho__msgpack_put_array(tacho__buffer *out, uint32_t count) {
    msgpack_packer packer = packer_to(out);
    msgpack_pack_array(&packer, count);
}

void tacho__msgpack_put_key(tacho__buffer *out, const char *key) {
    tacho__msgpack_put_str(out, key, strlen(key));
}

void tacho__msgpack_put_str(tacho__buffer *out, const char *text, size_t length) {
    msgpack_packer packer = packer_to(out);
    if (text == NULL) {
        msgpack_pack_nil(&packer);
    } else if (!too_long(out, length)) {
        msgpack_pack_str(&packer, length);
        tacho__buffer_append(out, text, length);
    }
}

void tacho__msgpack_put_bin(tacho__buffer *out, const void *bytes, size_t length) {
    msgpack_packer packer = packer_to(out);
    if (bytes == NULL && length > 0) {
        msgpack_pack_nil(&packer);
    } else if (!too_long(out, length)) {
        msgpack_pack_bin(&packer, length);
        tacho__buffer_append(out, bytes, length);
    }
}

void tacho__msgpack_put_nil(tacho__buffer *out) {
    msgpack_packer packer = packer_to(out);
    msgpack_pack_nil(&packer);
}

void tacho__msgpack_put_bool(tacho__buffer *out, bool value) {
    msgpack_packer packer = packer_to(out);
    if (value) {
        msgpack_pack_true(&packer);
    } else {
        msgpack_pack_false(&packer);
    }
}

void tacho__msgpack_put_uint(tacho__buffer *out, uint64_t value) {
    msgpack_packer packer = packer_to(out);
    msgpack_pack_uint64(&packer, value);
}

void tacho__msgpack_put_int(tacho__buffer *out, int64_t value) {
    msgpack_packer packer = packer_to(out);
    msgpack_pack_int64(&packer, value);
}

void tacho__msgpack_put_double(tacho__buffer *out, double value) {
    msgpack_packer packer = packer_to(out);
    msgpack_pack_double(&packer, value);
}

void tacho__msgpack_put_money(tacho__buffer *out, int64_t pusd) {
    if (pusd == TACHO__MONEY_UNKNOWN) {
        tacho__msgpack_put_nil(out);
    } else {
        tacho__msgpack_put_int(out, pusd);
    }
}
