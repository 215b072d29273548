/**
 * Texts of a segment and the writer's private index of them.
 *
 * The index is an open-addressing table of words (high half of the hash, line) that only grows, so a text is found
 * without a lock: an entry is stored, released, after the string it names is complete.
 */
#include "base/hash.h"
#include "base/text.h"
#include "segment/segment.h"

#include <string.h>

static const tacho__string_entry *entry_at(const tacho__segment *segment, tacho__line line) {
    return tacho__at(segment, line);
}

static tacho__line look_up(const tacho__segment *segment, const char *text, size_t length, uint64_t hash,
                           uint64_t *slot) {
    for (*slot = hash & segment->index_mask;; *slot = (*slot + 1) & segment->index_mask) {
        const uint64_t word = atomic_load_explicit(&segment->index[*slot], memory_order_acquire);
        if (word == 0) {
            return 0;
        }
        if (word >> 32 == hash >> 32) {
            const tacho__string_entry *entry = entry_at(segment, (tacho__line)word);
            if (entry->length == length && memcmp(entry->bytes, text, length) == 0) {
                return (tacho__line)word;
            }
        }
    }
}

tacho__line tacho__segment_find(const tacho__segment *segment, const char *text, size_t length) {
    uint64_t slot;
    return length == 0 ? 0 : look_up(segment, text, length, tacho__hash(text, length, 0), &slot);
}

/* Texts count in lines against a budget of their own, so that hostile names cannot crowd out numbers. */
static bool pay(tacho__segment *segment, uint32_t lines, tacho__pocket pocket) {
    uint64_t *left = pocket == TACHO__POCKET_DETAIL ? &segment->detail_text_left : &segment->text_left;
    if (lines > *left || lines > segment->text_left) {
        if (segment->detail_text_left == 0 || segment->text_left == 0) {
            atomic_store_explicit(&segment->detail_texts_over, 1, memory_order_relaxed);
        }
        return false;
    }
    *left -= lines;
    if (left != &segment->text_left) {
        segment->text_left -= lines;
    }
    return true;
}

static tacho__line append(tacho__segment *segment, const char *text, size_t length, uint64_t hash,
                          tacho__pocket pocket) {
    const size_t bytes = sizeof(tacho__string_entry) + length + 1;
    const uint32_t lines = (uint32_t)((bytes + TACHO__LINE - 1) / TACHO__LINE);
    if (!pay(segment, lines, pocket)) {
        return 0;
    }
    const tacho__line line = tacho__segment_reserve(segment, lines, TACHO__POCKET_ORDINARY);
    if (line == 0) {
        return 0;
    }
    char body[sizeof(tacho__string_entry) + TACHO__TEXT_CAP + 1 + 8] = {0};
    const tacho__string_entry head = {.length = (uint32_t)length, .hash = hash};
    memcpy(body, &head, sizeof head);
    memcpy(body + sizeof head, text, length);
    tacho__store_body(tacho__at(segment, line), body, bytes);
    tacho__segment_publish(segment);
    tacho__put_half(&segment->header->string_count, tacho__get_half(&segment->header->string_count) + 1);
    return line;
}

tacho__line tacho__segment_intern(tacho__segment *segment, const char *text, size_t length, tacho__pocket pocket) {
    char clean[TACHO__TEXT_CAP + 1];
    length = tacho__text_clean(text, length, clean);
    if (length == 0) {
        return 0;
    }
    const uint64_t hash = tacho__hash(clean, length, 0);
    uint64_t slot;
    tacho__line line = look_up(segment, clean, length, hash, &slot);
    if (line == 0) {
        line = append(segment, clean, length, hash, pocket);
        if (line == 0) {
            tacho__drop_count(segment, TACHO__DROP_STRING_REFUSED);
            return 0;
        }
        atomic_store_explicit(&segment->index[slot], (hash >> 32 << 32) | line, memory_order_release);
    }
    return line;
}

const char *tacho__segment_text(const tacho__segment *segment, tacho__line line) {
    return line ? entry_at(segment, line)->bytes : "";
}
