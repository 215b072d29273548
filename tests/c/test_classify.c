#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <tachograph.h>

static void expect(const tacho_failure *failure, tacho_category category, tacho_outcome outcome) {
    tacho_category found = TACHO_CATEGORY_NONE;
    tacho_outcome ended = TACHO_OUTCOME_OK;
    tacho_classify(failure, &found, &ended);
    assert_string_equal(tacho_category_text((int)found), tacho_category_text((int)category));
    assert_string_equal(tacho_outcome_text((int)ended), tacho_outcome_text((int)outcome));
}

static void expect_status(int status, tacho_category category, tacho_outcome outcome) {
    const tacho_failure failure = {.struct_size = sizeof failure, .http_status = status};
    expect(&failure, category, outcome);
}

static void expect_class(const char *name, tacho_category category, tacho_outcome outcome) {
    const tacho_failure failure = {.struct_size = sizeof failure, .class_count = 1, .class_names = &name};
    expect(&failure, category, outcome);
}

static void test_http_status__decides(void **state) {
    (void)state;
    static const int auth[] = {401, 403}, invalid[] = {400, 404, 422}, timeout[] = {408, 504},
                     provider[] = {500, 502, 503, 529};
    for (int i = 0; i < 2; ++i) {
        expect_status(auth[i], TACHO_CATEGORY_AUTH, TACHO_OUTCOME_ERROR);
        expect_status(timeout[i], TACHO_CATEGORY_TIMEOUT, TACHO_OUTCOME_TIMEOUT);
    }
    for (int i = 0; i < 3; ++i) {
        expect_status(invalid[i], TACHO_CATEGORY_INVALID_REQUEST, TACHO_OUTCOME_ERROR);
    }
    for (int i = 0; i < 4; ++i) {
        expect_status(provider[i], TACHO_CATEGORY_PROVIDER, TACHO_OUTCOME_ERROR);
    }
    expect_status(429, TACHO_CATEGORY_RATE_LIMIT, TACHO_OUTCOME_ERROR);
    expect_status(418, TACHO_CATEGORY_OTHER, TACHO_OUTCOME_ERROR);
    expect_status(0, TACHO_CATEGORY_OTHER, TACHO_OUTCOME_ERROR);
}

static void test_code__comes_before_status_and_class(void **state) {
    (void)state;
    static const char *const classes[] = {"BadRequestError", "APIStatusError", "Exception"};
    tacho_failure failure = {.struct_size = sizeof failure,
                             .http_status = 400,
                             .code = "context_length_exceeded",
                             .class_count = 3,
                             .class_names = classes};
    expect(&failure, TACHO_CATEGORY_CONTEXT_LENGTH, TACHO_OUTCOME_ERROR);
    failure.code = "Content_Filter";
    expect(&failure, TACHO_CATEGORY_CONTENT_FILTER, TACHO_OUTCOME_ERROR);
    failure.code = "something_new";
    expect(&failure, TACHO_CATEGORY_INVALID_REQUEST, TACHO_OUTCOME_ERROR);
}

static void test_class__is_the_first_known_of_the_resolution_order(void **state) {
    (void)state;
    static const char *const chain[] = {"MyStrangeTimeout", "openai.APITimeoutError", "APIConnectionError",
                                        "Exception"};
    const tacho_failure failure = {.struct_size = sizeof failure, .class_count = 4, .class_names = chain};
    expect(&failure, TACHO_CATEGORY_TIMEOUT, TACHO_OUTCOME_TIMEOUT);
    expect_class("RateLimitError", TACHO_CATEGORY_RATE_LIMIT, TACHO_OUTCOME_ERROR);
    expect_class("KeyboardInterrupt", TACHO_CATEGORY_NONE, TACHO_OUTCOME_CANCELLED);
    expect_class("CancelledError", TACHO_CATEGORY_NONE, TACHO_OUTCOME_CANCELLED);
    expect_class("GeneratorExit", TACHO_CATEGORY_NONE, TACHO_OUTCOME_ABORTED);
    expect_class("TimeoutError", TACHO_CATEGORY_TIMEOUT, TACHO_OUTCOME_TIMEOUT);
    expect_class("ConnectionRefusedError", TACHO_CATEGORY_NETWORK, TACHO_OUTCOME_ERROR);
    expect_class("ValueError", TACHO_CATEGORY_INTERNAL, TACHO_OUTCOME_ERROR);
    expect_class("NeverHeardOf", TACHO_CATEGORY_OTHER, TACHO_OUTCOME_ERROR);
}

static void test_errno__comes_last(void **state) {
    (void)state;
    static const char *const unknown[] = {"OSError"}, *const known[] = {"RateLimitError"};
    tacho_failure failure = {
        .struct_size = sizeof failure, .error_number = ECONNREFUSED, .class_count = 1, .class_names = unknown};
    expect(&failure, TACHO_CATEGORY_NETWORK, TACHO_OUTCOME_ERROR);
    failure.error_number = ETIMEDOUT;
    expect(&failure, TACHO_CATEGORY_TIMEOUT, TACHO_OUTCOME_TIMEOUT);
    failure.class_names = known;
    expect(&failure, TACHO_CATEGORY_RATE_LIMIT, TACHO_OUTCOME_ERROR);
}

static void test_nothing__is_other(void **state) {
    (void)state;
    expect(NULL, TACHO_CATEGORY_OTHER, TACHO_OUTCOME_ERROR);
    const tacho_failure empty = TACHO_FAILURE_INIT;
    expect(&empty, TACHO_CATEGORY_OTHER, TACHO_OUTCOME_ERROR);
    const tacho_failure odd = {.struct_size = sizeof odd, .class_count = 3, .class_names = NULL};
    expect(&odd, TACHO_CATEGORY_OTHER, TACHO_OUTCOME_ERROR);
    tacho_classify(&empty, NULL, NULL);
}

static void test_words__go_both_ways(void **state) {
    (void)state;
    for (int i = 0; i < TACHO_KIND_COUNT; ++i) {
        tacho_kind kind;
        assert_int_equal(tacho_kind_parse(tacho_kind_text(i), &kind), TACHO_OK);
        assert_int_equal(kind, i);
    }
    for (int i = 0; i < TACHO_OUTCOME_COUNT; ++i) {
        tacho_outcome outcome;
        assert_int_equal(tacho_outcome_parse(tacho_outcome_text(i), &outcome), TACHO_OK);
        assert_int_equal(outcome, i);
    }
    for (int i = 1; i < TACHO_CATEGORY_COUNT; ++i) {
        tacho_category category;
        assert_int_equal(tacho_category_parse(tacho_category_text(i), &category), TACHO_OK);
        assert_int_equal(category, i);
    }
    tacho_kind kind = TACHO_KIND_LLM;
    assert_int_equal(tacho_kind_parse("lmm", &kind), TACHO_NOT_FOUND);
    assert_int_equal(tacho_kind_parse(NULL, &kind), TACHO_NOT_FOUND);
    assert_int_equal(kind, TACHO_KIND_LLM);
    assert_string_equal(tacho_kind_text(-1), "");
    assert_string_equal(tacho_outcome_text(99), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_status__decides),
        cmocka_unit_test(test_code__comes_before_status_and_class),
        cmocka_unit_test(test_class__is_the_first_known_of_the_resolution_order),
        cmocka_unit_test(test_errno__comes_last),
        cmocka_unit_test(test_nothing__is_other),
        cmocka_unit_test(test_words__go_both_ways),
    };
    return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
