#include "history/tags.h"

#include "base/text.h"
#include "wire/json_writer.h"

#include <string.h>

void tacho__tags_write(const tacho_record_view *view, tacho__buffer *out) {
    tacho__json_writer writer;
    tacho__buffer_clear(out);
    if (view->tag_count == 0) {
        return;
    }
    tacho__json_writer_init(&writer, out, false);
    tacho__json_object_begin(&writer);
    for (uint32_t i = 0; i < view->tag_count; i++) {
        tacho__json_key(&writer, view->tags[i].name);
        tacho__json_string(&writer, view->tags[i].value);
    }
    tacho__json_object_end(&writer);
}

static const char *keep(tacho__stored_tags *tags, const char *text, size_t length) {
    char clean[TACHO__TEXT_CAP + 1];
    return tacho__arena_bytes(&tags->arena, clean, tacho__text_clean(text, length, clean));
}

static tacho_status take(void *context, tacho__json_event event, const char *text, size_t length) {
    tacho__stored_tags *tags = context;
    if (event == TACHO__JSON_KEY) {
        tags->name = keep(tags, text, length);
    } else if (event == TACHO__JSON_STRING && tags->name && tags->count < TACHO_TAGS_MAX) {
        tags->list[tags->count++] = (tacho_tag){tags->name, keep(tags, text, length)};
    }
    return tags->arena.failed ? TACHO_NOMEM : TACHO_OK;
}

tacho_status tacho__tags_read(tacho__stored_tags *tags, const char *text, tacho_record_view *view) {
    if (!text) {
        return TACHO_OK;
    }
    if (!tags->reader && !(tags->reader = tacho__json_reader_new(NULL))) {
        return TACHO_NOMEM;
    }
    tacho__arena_free(&tags->arena);
    tags->count = 0;
    tags->name = NULL;
    const tacho_status status = tacho__json_read(tags->reader, text, strlen(text), take, tags);
    view->tags = tags->list;
    view->tag_count = status == TACHO_OK ? tags->count : 0;
    return status == TACHO_NOMEM ? status : TACHO_OK;
}

void tacho__stored_tags_free(tacho__stored_tags *tags) {
    tacho__json_reader_free(tags->reader);
    tacho__arena_free(&tags->arena);
}
