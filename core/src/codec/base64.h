/** Base64 (RFC 4648 section 4, padded, without line breaks). */
#ifndef TACHO_CODEC_BASE64_H
#define TACHO_CODEC_BASE64_H

#include "base/buffer.h"

/** Appends the text of `length` bytes. */
void tacho__base64_encode(tacho__buffer *out, const void *bytes, size_t length);
/** Appends the bytes of a text. TACHO_OK; TACHO_DAMAGED (another character, a wrong length or padding); TACHO_NOMEM. */
tacho_status tacho__base64_decode(tacho__buffer *out, const char *text, size_t length);

#endif
