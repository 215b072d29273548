#include "base/hash.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef TACHO_PORTABLE
#include <fcntl.h>
#else
#include <sys/random.h>
#endif

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

uint64_t tacho__hash(const void *bytes, size_t length, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, length, seed);
}

/* For kernels and sandboxes that refuse getrandom: not secret, but two processes or two calls never agree. */
static void fallback_bytes(unsigned char *out, size_t length) {
    static _Atomic uint64_t calls;
    struct {
        struct timespec wall, monotonic;
        uint64_t call, process;
        const void *stack;
    } source;
    memset(&source, 0, sizeof source);
    clock_gettime(CLOCK_REALTIME, &source.wall);
    clock_gettime(CLOCK_MONOTONIC, &source.monotonic);
    source.process = (uint64_t)getpid();
    source.stack = &source;
    for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
        source.call = calls++;
        uint64_t word = tacho__hash(&source, sizeof source, at);
        memcpy(out + at, &word, length - at < sizeof word ? length - at : sizeof word);
    }
}

#ifdef TACHO_PORTABLE
static ssize_t read_random(void *out, size_t length) {
    const int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    const ssize_t got = file < 0 ? -1 : read(file, out, length);
    if (file >= 0) {
        close(file);
    }
    return got;
}
#else
static ssize_t read_random(void *out, size_t length) {
    return getrandom(out, length, GRND_NONBLOCK);
}
#endif

void tacho__random_bytes(void *out, size_t length) {
    unsigned char *next = out;
    while (length > 0) {
        ssize_t got = read_random(next, length);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            fallback_bytes(next, length);
            return;
        }
        next += got;
        length -= (size_t)got;
    }
}

uint64_t tacho__random_id(void) {
    uint64_t id;
    do {
        tacho__random_bytes(&id, sizeof id);
    } while (id == 0);
    return id;
}

void tacho__hex_text(uint64_t value, char out[17]) {
    for (int at = 15; at >= 0; at--, value >>= 4) {
        out[at] = "0123456789abcdef"[value & 15];
    }
    out[16] = '\0';
}

bool tacho__hex_parse(const char *text, size_t digits, uint64_t *value) {
    uint64_t result = 0;
    if (digits < 1 || digits > 16) {
        return false;
    }
    for (size_t at = 0; at < digits; at++) {
        char digit = text[at];
        if (digit >= '0' && digit <= '9') {
            result = result << 4 | (uint64_t)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            result = result << 4 | (uint64_t)(digit - 'a' + 10);
        } else {
            return false;
        }
    }
    *value = result;
    return true;
}
