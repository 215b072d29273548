/** Names and meaning of the units of usage in rows, records and summaries. */
#ifndef TACHO_SNAPSHOT_UNIT_FIELDS_H
#define TACHO_SNAPSHOT_UNIT_FIELDS_H

#include <tachograph/snapshot.h>

/*
 * The units of usage as fields: UNIT(ENUM, name, type, help), in the order in which they are shown: a list of its own
 * beside TACHO_UNIT_MAP because fields carry help and people look for the text classes first. A test compares the two.
 */
#define TACHO__UNIT_FIELDS(UNIT)                                                                                       \
    UNIT(INPUT, input_tokens, COUNT, "Input tokens that no cache held"),                                               \
        UNIT(CACHE_READ, cache_read_tokens, COUNT, "Input tokens read from a cache"),                                  \
        UNIT(CACHE_WRITE, cache_write_tokens, COUNT,                                                                   \
             "Input tokens written to a cache for 5 minutes (the default lifetime)"),                                  \
        UNIT(CACHE_WRITE_1H, cache_write_1h_tokens, COUNT, "Input tokens written to a cache for an hour"),             \
        UNIT(OUTPUT, output_tokens, COUNT, "Tokens of the visible answer"),                                            \
        UNIT(REASONING, reasoning_tokens, COUNT, "Tokens of reasoning that is billed but not shown"),                  \
        UNIT(INPUT_AUDIO, input_audio_tokens, COUNT, "Audio input tokens that no cache held"),                         \
        UNIT(CACHE_READ_AUDIO, cache_read_audio_tokens, COUNT, "Audio input tokens read from a cache"),                \
        UNIT(OUTPUT_AUDIO, output_audio_tokens, COUNT, "Audio output tokens"),                                         \
        UNIT(INPUT_IMAGE, input_image_tokens, COUNT, "Image input tokens that no cache held"),                         \
        UNIT(CACHE_READ_IMAGE, cache_read_image_tokens, COUNT, "Image input tokens read from a cache"),                \
        UNIT(OUTPUT_IMAGE, output_image_tokens, COUNT, "Image output tokens"),                                         \
        UNIT(REQUESTS, requests, COUNT, "Requests billed by number"),                                                  \
        UNIT(WEB_SEARCHES, web_searches, COUNT, "Web searches"),                                                       \
        UNIT(INPUT_VIDEO, input_video_tokens, COUNT, "Video input tokens that no cache held"),                         \
        UNIT(CACHE_READ_VIDEO, cache_read_video_tokens, COUNT, "Video input tokens read from a cache"),                \
        UNIT(OUTPUT_VIDEO, output_video_tokens, COUNT, "Video output tokens"),                                         \
        UNIT(CITATION, citation_tokens, COUNT, "Citation tokens"),                                                     \
        UNIT(INPUT_TOOL, input_tool_tokens, COUNT, "Input tokens of tool results, where billed apart"),                \
        UNIT(FILE_SEARCHES, file_searches, COUNT, "File searches"),                                                    \
        UNIT(CODE_SESSIONS, code_sessions, COUNT, "Code interpreter sessions"),                                        \
        UNIT(SEARCH_UNITS, search_units, COUNT, "Search units"),                                                       \
        UNIT(INPUT_AUDIO_TIME, input_audio_seconds, MILLIS, "Seconds of audio input"),                                 \
        UNIT(OUTPUT_AUDIO_TIME, output_audio_seconds, MILLIS, "Seconds of audio output"),                              \
        UNIT(INPUT_VIDEO_TIME, input_video_seconds, MILLIS, "Seconds of video input"),                                 \
        UNIT(OUTPUT_VIDEO_TIME, output_video_seconds, MILLIS, "Seconds of video output"),                              \
        UNIT(INPUT_IMAGES, input_images, COUNT, "Images in"), UNIT(OUTPUT_IMAGES, output_images, COUNT, "Images out"), \
        UNIT(PIXELS, pixels, COUNT, "Pixels generated"), UNIT(PAGES, pages, COUNT, "Pages read"),                      \
        UNIT(INPUT_CHARACTERS, input_characters, COUNT, "Characters in"),                                              \
        UNIT(OUTPUT_CHARACTERS, output_characters, COUNT, "Characters out")

#endif
