#include "base/memory.h"
#include "collect/collector.h"
#include "keeper/keeper.h"
#include "keeper/windows.h"
#include "snapshot/selector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tachograph/timeline.h>

#define SECOND      INT64_C(1000000000)
#define DAY         (86400 * SECOND)
#define MOST_POINTS 10000

typedef struct answer {
    tacho_timeline timeline; /* first: what the caller has */
    char problem[TACHO__SELECTOR_PROBLEM];
    tacho__selector selector;
    int64_t now_ns, period_ns;
    tacho__ladder_point *points; /* as many as `timeline` has */
} answer;

static const struct {
    const char *text;
    int64_t ns;
    int64_t longest_ns; /* period for which it is chosen */
} steps[] = {{"10s", 10 * SECOND, 600 * SECOND},
             {"1m", 60 * SECOND, 7200 * SECOND},
             {"15m", 900 * SECOND, 172800 * SECOND},
             {"1h", 3600 * SECOND, 30 * DAY},
             {"1d", DAY, INT64_MAX}};
#define STEPS (sizeof steps / sizeof *steps)

static tacho_status fail(answer *self, const char *what, const char *text) {
    snprintf(self->problem, sizeof self->problem, "%s, not '%.40s'", what, text);
    return TACHO_INVALID;
}

static int64_t unit_of(char letter) {
    switch (letter) {
    case 's':
        return SECOND;
    case 'm':
        return 60 * SECOND;
    case 'h':
        return 3600 * SECOND;
    case 'd':
        return DAY;
    case 'w':
        return 7 * DAY;
    default:
        return 0;
    }
}

static tacho_status read_period(answer *self, const char *text) {
    const size_t digits = text ? strspn(text, "0123456789") : 0;
    const int64_t unit = digits > 0 && digits <= 6 && strlen(text) == digits + 1 ? unit_of(text[digits]) : 0;
    if (unit == 0 || __builtin_mul_overflow(strtoll(text, NULL, 10), unit, &self->period_ns) || self->period_ns <= 0) {
        return fail(self, "a period is a number and one of s, m, h, d, w, such as 10m", text ? text : "");
    }
    return TACHO_OK;
}

static tacho_status read_step(answer *self, const char *text) {
    for (size_t i = 0; i < STEPS; ++i) {
        if (text ? strcmp(text, steps[i].text) == 0 : self->period_ns <= steps[i].longest_ns) {
            self->timeline.step_ns = steps[i].ns;
            return TACHO_OK;
        }
    }
    return fail(self, "a step is 10s, 1m, 15m, 1h or 1d", text);
}

static tacho_status lay_out(answer *self, const char *period) {
    const int64_t step = self->timeline.step_ns;
    int64_t end = self->now_ns - self->now_ns % step + step;
    int64_t start = self->now_ns > self->period_ns ? self->now_ns - self->period_ns : 0;
    start -= start % step;
    if ((end - start) / step > MOST_POINTS) {
        return fail(self, "there are more than 10000 steps in the period", period);
    }
    self->timeline.count = (size_t)((end - start) / step);
    self->points = tacho__calloc(self->timeline.count, sizeof *self->points);
    tacho_point *points = tacho__calloc(self->timeline.count, sizeof *points);
    self->timeline.points = points;
    for (size_t i = 0; self->points && points && i < self->timeline.count; ++i) {
        self->points[i].start_ns = start + (int64_t)i * step;
        self->points[i].end_ns = self->points[i].start_ns + step;
    }
    return self->points && points ? TACHO_OK : TACHO_NOMEM;
}

static tacho_status look(void *context, const tacho__ladder *ladder) {
    answer *self = context;
    const tacho_status status = tacho__ladder_read(ladder, &self->selector, self->points, self->timeline.count);
    const int64_t since = tacho__ladder_since(ladder, self->timeline.step_ns);
    const int64_t from = self->now_ns - self->period_ns;
    const int64_t covered = self->now_ns - (since > from ? since : from);
    self->timeline.covered_ns = since < self->now_ns ? covered : 0;
    return status;
}

static void hand_out(answer *self) {
    tacho_point *points = (tacho_point *)self->timeline.points;
    for (size_t i = 0; i < self->timeline.count; ++i) {
        const tacho__ladder_point *from = &self->points[i];
        points[i] = (tacho_point){.start_ns = from->start_ns,
                                  .end_ns = from->end_ns,
                                  .value = from->number,
                                  .value_pusd = self->timeline.is_money ? from->pusd : TACHO_COST_UNKNOWN,
                                  .n = from->n,
                                  .complete = from->complete};
    }
}

static void know_nothing(answer *self) {
    for (size_t i = 0; i < self->timeline.count; ++i) {
        self->points[i].number = (double)NAN;
        self->points[i].pusd = TACHO_COST_UNKNOWN;
    }
}

static tacho_status take(answer *self, tacho_collector *collector, const char *what, const char *period,
                         const char *step) {
    tacho_status status = tacho__selector_parse(what ? what : "", &self->selector, self->problem);
    status = status == TACHO_OK ? read_period(self, period) : status;
    status = status == TACHO_OK ? read_step(self, step) : status;
    status = status == TACHO_OK ? lay_out(self, period) : status;
    self->timeline.is_money = tacho__selector_is_money(&self->selector);
    if (status == TACHO_OK && collector) {
        status = tacho__windows_read(collector, self->now_ns, look, self);
    } else if (status == TACHO_OK) {
        know_nothing(self);
    }
    return status;
}

tacho_status tacho_timeline_take(tacho_collector *collector, const char *what, const char *period, const char *step,
                                 tacho_timeline **out) {
    if (!out) {
        return TACHO_INVALID;
    }
    *out = NULL;
    answer *self = tacho__calloc(1, sizeof *self);
    if (!self) {
        return TACHO_NOMEM;
    }
    self->timeline.struct_size = sizeof self->timeline;
    self->timeline.problem = self->problem;
    self->now_ns = tacho__wall(collector ? &collector->clock : &tacho__clock_system);
    const tacho_status status = take(self, collector, what, period, step);
    if (status == TACHO_OK) {
        hand_out(self);
    } else {
        self->timeline.count = 0;
    }
    if (status != TACHO_OK && status != TACHO_INVALID) {
        tacho_timeline_free(&self->timeline);
        return status;
    }
    *out = &self->timeline;
    return status;
}

void tacho_timeline_free(tacho_timeline *timeline) {
    answer *self = (answer *)timeline;
    if (self) {
        tacho__free(self->points);
        tacho__free((tacho_point *)timeline->points);
        tacho__free(self);
    }
}

static uint64_t refusals(tacho_collector *collector) {
    uint64_t count = 0;
    if (tacho__writer_lock(&collector->writer, NULL)) {
        count = tacho__get(&tacho__segment_of(collector)->header->drops[TACHO__DROP_HISTORY_REFUSED]);
        tacho__writer_unlock(&collector->writer);
    }
    return count;
}

tacho_status tacho_collector_flush(tacho_collector *collector, uint64_t timeout_ns) {
    if (!collector) {
        return TACHO_OK;
    }
    const uint64_t before = refusals(collector);
    const tacho_status status = tacho__keeper_flush(collector, timeout_ns);
    return status == TACHO_OK && refusals(collector) > before ? TACHO_IO : status;
}
