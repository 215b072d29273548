#include "snapshot/session_match.h"

#include <string.h>

void tacho__session_match_show(tacho__session_match *match, const char *id) {
    if (!id || match->exact || strncmp(id, match->wanted, strlen(match->wanted)) != 0) {
        return;
    }
    if (strcmp(id, match->wanted) == 0) {
        match->exact = true;
        match->found = id;
    } else if (!match->found) {
        match->found = id;
    } else if (strcmp(match->found, id) != 0) {
        match->several = true;
    }
}

tacho_status tacho__session_match_result(const tacho__session_match *match) {
    if (match->exact) {
        return TACHO_OK;
    }
    if (!match->found) {
        return TACHO_NOT_FOUND;
    }
    return match->several || strlen(match->wanted) < TACHO__SESSION_PREFIX ? TACHO_INVALID : TACHO_OK;
}
