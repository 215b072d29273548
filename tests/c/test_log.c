#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

typedef struct heard {
    _Atomic int times;
    char last[TACHO__LOG_TEXT];
    const char *class_name;
} heard;

static void hear(void *context, const tacho__log_class *class, const char *text) {
    heard *ear = context;
    ear->times++;
    ear->class_name = class->name;
    snprintf(ear->last, sizeof ear->last, "%s", text);
}

static void count_only(void *context, const tacho__log_class *class, const char *text) {
    (void)class;
    (void)text;
    ((heard *)context)->times++;
}

static void test_log__without_a_sink_is_counted_only(void **state) {
    (void)state;
    static tacho__log_class class = TACHO__LOG_CLASS("nobody_listens", TACHO__LOG_INFO);
    tacho__log_install(NULL);
    tacho__log(&class, "%d", 1);
    tacho__log(&class, "%d", 2);
    assert_int_equal(atomic_load(&class.count), 2);
}

static void test_log__passes_each_class_once_an_hour(void **state) {
    (void)state;
    static tacho__log_class class = TACHO__LOG_CLASS("once_an_hour", TACHO__LOG_WARNING);
    static tacho__log_class other = TACHO__LOG_CLASS("another", TACHO__LOG_ERROR);
    static heard ear;
    static const tacho__log_sink sink = {.write = hear, .context = &ear};
    tacho__log_install(&sink);
    tacho__log_at(&class, 1000, "first %s", "time");
    assert_int_equal(ear.times, 1);
    assert_string_equal(ear.last, "first time");
    assert_string_equal(ear.class_name, "once_an_hour");
    tacho__log_at(&class, 1000 + TACHO__LOG_INTERVAL_NS - 1, "too soon");
    tacho__log_at(&class, 1001, "too soon");
    assert_int_equal(ear.times, 1);
    tacho__log_at(&other, 1001, "other classes speak");
    assert_int_equal(ear.times, 2);
    tacho__log_at(&class, 1000 + TACHO__LOG_INTERVAL_NS, "again");
    assert_int_equal(ear.times, 3);
    assert_string_equal(ear.last, "again (and 2 more like this before)");
    assert_int_equal(atomic_load(&class.count), 4);
    assert_ptr_equal(tacho__log_install(NULL), &sink);
}

static void test_log__is_one_line_and_bounded(void **state) {
    (void)state;
    static tacho__log_class class = TACHO__LOG_CLASS("hostile", TACHO__LOG_WARNING);
    static heard ear;
    static const tacho__log_sink sink = {.write = hear, .context = &ear};
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    text[0] = '\n';
    text[1] = '\x1B';
    tacho__log_install(&sink);
    tacho__log_at(&class, 1, "%s", text);
    tacho__log_install(NULL);
    assert_int_equal(strlen(ear.last), TACHO__LOG_TEXT - 1);
    assert_memory_equal(ear.last, "  x", 3);
}

static tacho__log_class shared = TACHO__LOG_CLASS("shared", TACHO__LOG_WARNING);

static void *speak(void *unused) {
    for (int i = 0; i < 1000; i++) {
        tacho__log_at(&shared, 5, "message %d", i);
    }
    return unused;
}

static void count_class(void *context, const tacho__log_class *class, uint64_t count) {
    if (class == &shared) {
        *(uint64_t *)context += count;
    }
}

static void test_log__counts_exactly_from_many_threads(void **state) {
    (void)state;
    static heard ear;
    static const tacho__log_sink sink = {.write = count_only, .context = &ear};
    tacho__log_install(&sink);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, speak, NULL), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    tacho__log_install(NULL);
    uint64_t count = 0;
    tacho__log_visit(count_class, &count);
    assert_int_equal(count, 8000); /* and the class is on the list exactly once */
    assert_int_equal(ear.times, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__without_a_sink_is_counted_only),
        cmocka_unit_test(test_log__passes_each_class_once_an_hour),
        cmocka_unit_test(test_log__is_one_line_and_bounded),
        cmocka_unit_test(test_log__counts_exactly_from_many_threads),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
