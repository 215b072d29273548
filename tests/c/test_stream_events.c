/* The events of one stream, given one at a time, are worth what they are worth as a list (semantics 24). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/recorder.h"

#include <stdio.h>
#include <string.h>

#define EVENTS 6

typedef struct stream {
    const char *name, *provider, *model;
    const char *events[EVENTS];
} stream;

static const stream streams[] = {
    {"start_and_delta",
     "anthropic",
     "claude-sonnet-4-5",
     {"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-sonnet-4-5\",\"usage\":"
      "{\"input_tokens\":25,\"output_tokens\":1}}}",
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}",
      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}",
      "{\"type\":\"message_stop\"}"}},
    {"start_without_id",
     "anthropic",
     "claude-sonnet-4-5",
     {"{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":27,\"output_tokens\":2}}}",
      "{\"type\":\"message_delta\",\"usage\":{\"input_tokens\":27,\"output_tokens\":20,\"cache_read_input_tokens\":"
      "null}}",
      "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":47}}"}},
    {"writes_by_time_to_live",
     "anthropic",
     "claude-opus-4-6",
     {"{\"type\":\"message_start\",\"message\":{\"id\":\"msg_2\",\"model\":\"claude-opus-4-6\",\"usage\":{\"input_"
      "tokens\":3,"
      "\"cache_creation_input_tokens\":8037,\"cache_read_input_tokens\":17842,\"cache_creation\":"
      "{\"ephemeral_5m_input_tokens\":37,\"ephemeral_1h_input_tokens\":8000},\"output_tokens\":1,"
      "\"service_tier\":\"batch\",\"inference_geo\":\"us\"}}}",
      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"input_tokens\":3,"
      "\"cache_creation_input_tokens\":8037,\"cache_read_input_tokens\":17842,\"output_tokens\":512}}"}},
    {"details_once",
     "openai",
     "gpt-5.1",
     {"{\"id\":\"c1\",\"model\":\"gpt-5.1\",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":10,"
      "\"prompt_tokens_details\":{\"cached_tokens\":600},\"completion_tokens_details\":{\"reasoning_tokens\":4}}}",
      "{\"id\":\"c1\",\"model\":\"gpt-5.1\",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":90,"
      "\"prompt_tokens_details\":null}}"}},
    {"responses",
     "openai",
     "gpt-5.1",
     {"{\"type\":\"response.created\",\"response\":{\"id\":\"r1\",\"model\":\"gpt-5.1\",\"usage\":null}}",
      "{\"type\":\"response.completed\",\"response\":{\"id\":\"r1\",\"model\":\"gpt-5.1\",\"service_tier\":"
      "\"priority\","
      "\"usage\":{\"input_tokens\":300,\"input_tokens_details\":{\"cached_tokens\":100},\"output_tokens\":50,"
      "\"output_tokens_details\":{\"reasoning_tokens\":20},\"total_tokens\":350}}}"}},
    {"gemini",
     "google",
     "gemini-2.5-pro",
     {"{\"responseId\":\"g1\",\"modelVersion\":\"gemini-2.5-pro\",\"usageMetadata\":{\"promptTokenCount\":10,"
      "\"totalTokenCount\":10}}",
      "{\"responseId\":\"g1\",\"modelVersion\":\"gemini-2.5-pro\",\"usageMetadata\":{\"promptTokenCount\":10,"
      "\"candidatesTokenCount\":20,\"thoughtsTokenCount\":5,\"totalTokenCount\":35}}"}},
};

static void report(tacho_operation *op, tacho_response *response, const stream *s, const char *text) {
    tacho_status status = tacho_response_read_json(response, NULL, s->provider, text, strlen(text));
    assert_true(status == TACHO_OK || status == TACHO_NO_DATA);
    assert_int_equal(tacho_operation_response(op, response), TACHO_OK);
}

static void as_list(tacho_operation *op, tacho_response *response, const stream *s) {
    char list[4096] = "[";
    for (int i = 0; i < EVENTS && s->events[i]; i++) {
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "," : "", s->events[i]);
    }
    strcat(list, "]");
    report(op, response, s, list);
}

static void one_by_one(tacho_operation *op, tacho_response *response, const stream *s) {
    for (int i = 0; i < EVENTS && s->events[i]; i++) {
        report(op, response, s, s->events[i]);
    }
}

/* The record of one call, reported so. */
static tacho__record_view record_of(recorder *r, const stream *s, const char *name,
                                    void (*give)(tacho_operation *, tacho_response *, const stream *)) {
    tacho_response *response;
    tacho_operation op;
    assert_int_equal(tacho_response_create(&response), TACHO_OK);
    tacho_begin(recorder_bind(r, TACHO_KIND_LLM, name, s->provider, s->model), NULL, &op);
    give(&op, response, s);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_response_free(response);
    return *recorder_record(r, name);
}

static void expect_equal(const tacho__record_view *one, const tacho__record_view *list, const char *name) {
    print_message("%s\n", name);
    assert_true(list->cost_pusd > 0);
    for (int unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        assert_int_equal(one->units[unit], list->units[unit]);
    }
    assert_int_equal(one->present, list->present);
    assert_int_equal(one->cost_pusd, list->cost_pusd);
    assert_int_equal(one->cost_state, list->cost_state);
    assert_int_equal(one->sheet, list->sheet);
    assert_int_equal(one->flags, list->flags);
}

static void test_events__are_worth_their_list(void **state) {
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        const tacho__record_view list = record_of(*state, &streams[i], "list", as_list);
        const tacho__record_view one = record_of(*state, &streams[i], "one", one_by_one);
        expect_equal(&one, &list, streams[i].name);
        recorder_teardown(state);
        recorder_setup(state);
    }
}

/* A second response of the same operation adds; its own events fold. */
static void test_events__of_two_responses_add_up(void **state) {
    const stream *first = &streams[0];
    stream second = *first;
    tacho_response *response;
    tacho_operation op;
    second.events[0] = "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_9\",\"model\":\"claude-sonnet-4-5\","
                       "\"usage\":{\"input_tokens\":100,\"output_tokens\":7,\"service_tier\":\"standard\"}}}";
    assert_int_equal(tacho_response_create(&response), TACHO_OK);
    tacho_begin(recorder_bind(*state, TACHO_KIND_LLM, "two", first->provider, first->model), NULL, &op);
    one_by_one(&op, response, first);
    one_by_one(&op, response, &second);
    tacho_end(&op, TACHO_OUTCOME_OK);
    tacho_response_free(response);
    const tacho__record_view *record = recorder_record(*state, "two");
    assert_int_equal(record->units[TACHO_UNIT_INPUT], 125);
    assert_int_equal(record->units[TACHO_UNIT_OUTPUT], 30);
    assert_int_equal(record->cost_pusd, INT64_C(825000000)); /* 125 x 3 and 30 x 15 USD per million */
    assert_int_equal(recorder_drops(*state, TACHO__DROP_USAGE_REPEATED), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events__are_worth_their_list, recorder_setup, recorder_teardown),
        cmocka_unit_test_setup_teardown(test_events__of_two_responses_add_up, recorder_setup, recorder_teardown),
    };
    return cmocka_run_group_tests_name("stream_events", tests, NULL, NULL);
}
