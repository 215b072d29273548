#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "support/price_corpus.h"

static int make_response(void **state) {
    return tacho_response_create((tacho_response **)state) == TACHO_OK ? 0 : -1;
}

static int free_response(void **state) {
    tacho_response_free(*state);
    return 0;
}

/* Reads as JSON and as a host value; both must say the same. */
static const tacho_usage *read_as(void **state, const char *dialect, const char *provider, const char *text) {
    const tacho_dialect *with = tacho_dialect_find(dialect, provider);
    tacho__json_tree *tree;
    assert_int_equal(tacho__json_tree_read(&tree, text, strlen(text), NULL), TACHO_OK);
    tacho_value_source source = corpus_source(tacho__json_tree_root(tree));
    tacho_response_read(*state, with, provider, &source);
    tacho_usage pulled = *tacho_response_usage(*state, 0);
    tacho__json_tree_free(tree);
    tacho_response_read_json(*state, with, provider, text, strlen(text));
    const tacho_usage *pushed = tacho_response_usage(*state, 0);
    for (unsigned unit = 0; unit < TACHO_UNIT_COUNT; unit++) {
        assert_int_equal(tacho_usage_get(&pulled, (tacho_unit)unit), tacho_usage_get(pushed, (tacho_unit)unit));
    }
    assert_int_equal(pulled.present, pushed->present);
    assert_int_equal(pulled.faults, pushed->faults);
    assert_int_equal(pulled.flags, pushed->flags);
    return pushed;
}

/* As JSON, and as a host value that is asked for members and one that lists them. */
static void expect_dialect(void **state, const char *provider, const char *text, const char *name) {
    tacho__json_tree *tree;
    assert_int_equal(tacho__json_tree_read(&tree, text, strlen(text), NULL), TACHO_OK);
    tacho_value_source source = corpus_source(tacho__json_tree_root(tree));
    tacho_response_read(*state, NULL, provider, &source);
    assert_string_equal(tacho_dialect_name(tacho_response_dialect(*state)), name);
    source.each = corpus_each;
    tacho_response_read(*state, NULL, provider, &source);
    assert_string_equal(tacho_dialect_name(tacho_response_dialect(*state)), name);
    tacho__json_tree_free(tree);
    tacho_response_read_json(*state, NULL, provider, text, strlen(text));
    assert_string_equal(tacho_dialect_name(tacho_response_dialect(*state)), name);
}

static void test_choose__goes_by_keys_and_provider(void **state) {
    expect_dialect(state, NULL, "{\"usage\": {\"prompt_tokens\": 1}}", "openai_chat");
    expect_dialect(state, NULL, "{\"prompt_tokens\": 1}", "openai_chat");
    expect_dialect(state, "xai", "{\"usage\": {\"prompt_tokens\": 1}}", "xai_chat");
    expect_dialect(state, "openrouter", "{\"usage\": {\"prompt_tokens\": 1}}", "openrouter");
    expect_dialect(state, NULL, "{\"usage\": {\"input_tokens\": 1, \"cache_read_input_tokens\": 2}}", "anthropic");
    expect_dialect(state, "anthropic", "{\"usage\": {\"input_tokens\": 1, \"output_tokens\": 2}}", "anthropic");
    expect_dialect(state, NULL, "{\"usage\": {\"input_tokens\": 1, \"input_tokens_details\": {}}}", "openai_responses");
    expect_dialect(state, NULL, "{\"usageMetadata\": {\"promptTokenCount\": 1}}", "gemini");
    expect_dialect(state, NULL, "{\"usage\": {\"inputTokens\": 1}}", "bedrock_converse");
    expect_dialect(state, NULL, "{\"usage\": {\"billed_units\": {}}}", "cohere");
    expect_dialect(state, NULL, "{\"usage_metadata\": {\"input_tokens\": 1}}", "langchain");
    expect_dialect(state, NULL, "{\"gen_ai.usage.input_tokens\": 1}", "otel");
    expect_dialect(state, NULL, "{\"input\": 1, \"output\": 2}", "");
}

static void test_gemini__adds_thoughts_unless_they_are_inside(void **state) {
    const tacho_usage *usage = read_as(state, "gemini", NULL,
                                       "{\"usageMetadata\": {\"promptTokenCount\": 8, \"candidatesTokenCount\": 9, "
                                       "\"thoughtsTokenCount\": 107, \"totalTokenCount\": 124}}");
    assert_int_equal(usage->output, 9);
    assert_int_equal(usage->reasoning, 107);
    usage = read_as(state, "gemini", NULL,
                    "{\"usageMetadata\": {\"promptTokenCount\": 8, \"candidatesTokenCount\": 116, "
                    "\"thoughtsTokenCount\": 107, \"totalTokenCount\": 124}}");
    assert_int_equal(usage->output, 9);
    assert_int_equal(usage->faults, 0);
}

static void test_gemini__splits_modalities(void **state) {
    /* The number may stand before the member that says what it counts, and keys may be in snake_case. */
    const tacho_usage *usage =
        read_as(state, "gemini", NULL,
                "{\"usage_metadata\": {\"prompt_token_count\": 100, \"toolUsePromptTokenCount\": 30, "
                "\"promptTokensDetails\": [{\"tokenCount\": 60, \"modality\": \"AUDIO\"}, "
                "{\"modality\": \"TEXT\", \"tokenCount\": 40}], "
                "\"toolUsePromptTokensDetails\": [{\"modality\": \"IMAGE\", \"tokenCount\": 10}], "
                "\"candidatesTokenCount\": 5}}");
    assert_int_equal(usage->input_audio, 60);
    assert_int_equal(usage->input_image, 10);
    assert_int_equal(usage->input_tool, 20);
    assert_int_equal(usage->input, 40);
    assert_int_equal(tacho_usage_input_tokens(usage), 130);
}

static void test_gemini__splits_an_unknown_overlap_in_proportion(void **state) {
    const tacho_usage *usage =
        read_as(state, "gemini", NULL,
                "{\"usageMetadata\": {\"promptTokenCount\": 100, \"cachedContentTokenCount\": 50, "
                "\"promptTokensDetails\": [{\"modality\": \"AUDIO\", \"tokenCount\": 40}], "
                "\"candidatesTokenCount\": 1}}");
    assert_int_equal(usage->cache_read_audio, 20);
    assert_int_equal(usage->cache_read, 30);
    assert_int_equal(usage->input_audio, 20);
    assert_int_equal(usage->input, 30);
    assert_true(usage->faults & TACHO_USAGE_FAULT_OVERLAP_SPLIT);
}

static void test_anthropic__splits_writes_by_time_to_live(void **state) {
    const tacho_usage *usage =
        read_as(state, "anthropic", NULL,
                "{\"usage\": {\"input_tokens\": 5, \"cache_creation_input_tokens\": 100, \"cache_creation\": "
                "{\"ephemeral_5m_input_tokens\": 20, \"ephemeral_1h_input_tokens\": 30}, \"output_tokens\": 9, "
                "\"output_tokens_details\": {\"thinking_tokens\": 4}, \"service_tier\": \"batch\", "
                "\"server_tool_use\": {\"web_search_requests\": 2}}}");
    assert_int_equal(usage->cache_write, 70); /* the rest of a short split lives 5 minutes */
    assert_int_equal(usage->cache_write_1h, 30);
    assert_int_equal(usage->output, 5);
    assert_int_equal(usage->reasoning, 4);
    assert_int_equal(usage->web_searches, 2);
    assert_string_equal(usage->service_tier, "batch");
}

static void test_converse__finds_an_inclusive_input(void **state) {
    const tacho_usage *usage = read_as(state, "bedrock_converse", NULL,
                                       "{\"usage\": {\"inputTokens\": 4995, \"cacheWriteInputTokens\": 4993, "
                                       "\"outputTokens\": 10, \"totalTokens\": 5005}}");
    assert_int_equal(usage->input, 2);
    assert_int_equal(usage->cache_write, 4993);
}

static void test_faults__are_told_and_never_negative(void **state) {
    const tacho_usage *usage = read_as(state, "openai_chat", NULL,
                                       "{\"usage\": {\"prompt_tokens\": 10, \"prompt_tokens_details\": "
                                       "{\"cached_tokens\": 20}, \"completion_tokens\": -3}}");
    assert_int_equal(usage->input, 0);
    assert_int_equal(usage->output, 0);
    assert_int_equal(usage->faults, TACHO_USAGE_FAULT_SUBSET_LARGER | TACHO_USAGE_FAULT_NEGATIVE);
    usage = read_as(state, "openai_chat", NULL, "{\"usage\": {\"prompt_tokens\": 2.5, \"completion_tokens\": 1e30}}");
    assert_int_equal(usage->input, 2);
    assert_int_equal(usage->output, TACHO_COUNT_MAX);
    assert_int_equal(usage->faults, TACHO_USAGE_FAULT_FRACTIONAL | TACHO_USAGE_FAULT_TOO_LARGE);
    usage = read_as(state, "openai_chat", NULL, "{\"usage\": {\"prompt_tokens\": \"7\", \"completion_tokens\": 1}}");
    assert_int_equal(usage->faults, TACHO_USAGE_FAULT_NOT_A_NUMBER);
    usage = read_as(state, "openai_chat", NULL,
                    "{\"usage\": {\"prompt_tokens\": 7, \"completion_tokens\": 1, \"total_tokens\": 9}}");
    assert_int_equal(usage->faults, TACHO_USAGE_FAULT_TOTAL_MISMATCH);
}

static void test_read__tells_absent_usage_from_zero(void **state) {
    const char *none = "{\"id\": \"x\", \"usage\": null}", *zero = "{\"usage\": {\"prompt_tokens\": 0}}";
    assert_int_equal(tacho_response_read_json(*state, NULL, "openai", none, strlen(none)), TACHO_NO_DATA);
    assert_true(tacho_response_usage(*state, 0)->flags & TACHO_USAGE_ABSENT);
    assert_int_equal(tacho_response_read_json(*state, NULL, "openai", zero, strlen(zero)), TACHO_OK);
    assert_false(tacho_response_usage(*state, 0)->flags & TACHO_USAGE_ABSENT);
    assert_int_equal(tacho_response_read_json(*state, NULL, NULL, "{\"usage\": ", 10), TACHO_DAMAGED);
    assert_int_equal(tacho_response_parts(*state), 0);
}

static void fold(void **state, const char *provider, const char *text) {
    tacho_status status = tacho_response_fold_json(*state, NULL, provider, text, strlen(text));
    assert_true(status == TACHO_OK || status == TACHO_NO_DATA);
}

static void test_fold__equals_the_response_as_a_whole(void **state) {
    tacho_response_clear(*state);
    fold(state, NULL,
         "{\"type\": \"message_start\", \"message\": {\"id\": \"m\", \"model\": \"x\", \"usage\": "
         "{\"input_tokens\": 27, \"cache_read_input_tokens\": 5, \"output_tokens\": 1}}}");
    fold(state, NULL, "{\"type\": \"ping\"}");
    fold(state, NULL, "{\"type\": \"content_block_delta\", \"delta\": {\"text\": \"usage\"}}");
    fold(state, NULL,
         "{\"type\": \"message_delta\", \"usage\": {\"input_tokens\": 27, \"cache_read_input_tokens\": "
         "null, \"output_tokens\": 47}}");
    tacho_usage folded = *tacho_response_usage(*state, 0);
    assert_int_equal(folded.input, 27);
    assert_int_equal(folded.cache_read, 5);
    assert_int_equal(folded.output, 47);
    assert_string_equal(folded.model, "x");
    tacho_response_clear(*state);
    fold(state, "google", "{\"usageMetadata\": {\"promptTokenCount\": 4, \"candidatesTokenCount\": 1}}");
    fold(state, "google",
         "{\"usageMetadata\": {\"promptTokenCount\": 4, \"candidatesTokenCount\": 6, "
         "\"candidatesTokensDetails\": [{\"modality\": \"AUDIO\", \"tokenCount\": 2}]}}");
    assert_int_equal(tacho_response_usage(*state, 0)->output, 4);
    assert_int_equal(tacho_response_usage(*state, 0)->output_audio, 2);
}

static void test_iterations__are_parts_with_their_models(void **state) {
    const char *text = "{\"model\": \"a\", \"usage\": {\"input_tokens\": 1, \"output_tokens\": 1, \"iterations\": ["
                       "{\"input_tokens\": 2, \"output_tokens\": 3}, {\"model\": \"b\", \"input_tokens\": 4, "
                       "\"output_tokens\": 5}], \"server_tool_use\": {\"web_search_requests\": 1}}}";
    read_as(state, "anthropic", NULL, text);
    assert_int_equal(tacho_response_parts(*state), 2);
    assert_string_equal(tacho_response_usage(*state, 0)->model, "a");
    assert_string_equal(tacho_response_usage(*state, 1)->model, "b");
    assert_int_equal(tacho_response_usage(*state, 1)->input, 4);
    assert_int_equal(tacho_response_usage(*state, 0)->web_searches, 1);
    assert_null(tacho_response_usage(*state, 2));
}

static int64_t searches(void **state, const char *model, const char *queries) {
    char text[400];
    snprintf(text, sizeof text,
             "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"x\"}]}, \"groundingMetadata\": "
             "{\"webSearchQueries\": %s}}], \"usageMetadata\": {\"promptTokenCount\": 8}, \"modelVersion\": \"%s\"}",
             queries, model);
    return read_as(state, "gemini", NULL, text)->web_searches;
}

static void test_gemini__counts_searches_as_the_model_is_billed(void **state) {
    assert_int_equal(searches(state, "gemini-3-flash-preview", "[\"a\", \"b\", \"a\"]"), 2);
    assert_int_equal(searches(state, "gemini-3-flash-preview", "[\"a\", \"\", 7, null, {}, [\"b\"]]"), 1);
    assert_int_equal(searches(state, "gemini-2.5-flash", "[\"a\", \"b\", \"c\"]"), 1);
    assert_int_equal(searches(state, "gemini-2.5-flash", "[]"), 0);
    /* a stream repeats what it has searched for */
    static const char event[] =
        "{\"modelVersion\": \"gemini-3-pro\", \"candidates\": [{\"groundingMetadata\": "
        "{\"webSearchQueries\": [\"a\", \"b\"]}}], \"usageMetadata\": {\"promptTokenCount\": 8}}";
    tacho_response_clear(*state);
    for (int i = 0; i < 2; i++) {
        tacho_response_fold_json(*state, tacho_dialect_find("gemini", NULL), NULL, event, sizeof event - 1);
    }
    assert_int_equal(tacho_response_usage(*state, 0)->web_searches, 2);
}

static void test_iterations__leave_out_what_was_refused_unsaid(void **state) {
    static const char text[] =
        "{\"model\": \"claude-opus-4-8\", \"usage\": {\"input_tokens\": 90, \"output_tokens\": 7, "
        "\"server_tool_use\": {\"web_search_requests\": 1}, \"iterations\": ["
        "{\"type\": \"message\", \"model\": \"claude-fable-5\", \"input_tokens\": 90, \"output_tokens\": 0},"
        "{\"type\": \"message\", \"model\": \"claude-fable-5\", \"input_tokens\": 91, \"output_tokens\": 3},"
        "{\"type\": \"fallback_message\", \"model\": \"claude-opus-4-8\", \"input_tokens\": 92, \"output_tokens\": 7},"
        "{\"type\": \"message\", \"input_tokens\": 93, \"output_tokens\": 0}]}}";
    tacho_response_read_json(*state, NULL, "anthropic", text, sizeof text - 1);
    assert_int_equal(tacho_response_parts(*state), 3);
    assert_int_equal(tacho_response_usage(*state, 0)->input, 91);
    assert_int_equal(tacho_response_usage(*state, 0)->web_searches, 1);
    assert_string_equal(tacho_response_usage(*state, 1)->model, "claude-opus-4-8");
    assert_int_equal(tacho_response_usage(*state, 2)->input, 93);
}

static void test_find__knows_names_and_flavours(void **state) {
    (void)state;
    assert_string_equal(tacho_dialect_name(tacho_dialect_find("chat", "x-ai")), "xai_chat");
    assert_string_equal(tacho_dialect_name(tacho_dialect_find("default", "bedrock")), "bedrock_converse");
    assert_string_equal(tacho_dialect_name(tacho_dialect_find("default", "gcp.vertex_ai")), "gemini");
    assert_string_equal(tacho_dialect_name(tacho_dialect_find("anthropic", NULL)), "anthropic");
    assert_null(tacho_dialect_find("klingon", NULL));
    assert_null(tacho_dialect_find(NULL, "openai"));
    size_t count = 0;
    while (tacho_dialect_at(count)) {
        count++;
    }
    assert_true(count >= 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choose__goes_by_keys_and_provider),
        cmocka_unit_test(test_gemini__adds_thoughts_unless_they_are_inside),
        cmocka_unit_test(test_gemini__splits_modalities),
        cmocka_unit_test(test_gemini__splits_an_unknown_overlap_in_proportion),
        cmocka_unit_test(test_anthropic__splits_writes_by_time_to_live),
        cmocka_unit_test(test_converse__finds_an_inclusive_input),
        cmocka_unit_test(test_faults__are_told_and_never_negative),
        cmocka_unit_test(test_read__tells_absent_usage_from_zero),
        cmocka_unit_test(test_fold__equals_the_response_as_a_whole),
        cmocka_unit_test(test_iterations__are_parts_with_their_models),
        cmocka_unit_test(test_gemini__counts_searches_as_the_model_is_billed),
        cmocka_unit_test(test_iterations__leave_out_what_was_refused_unsaid),
        cmocka_unit_test(test_find__knows_names_and_flavours),
    };
    return cmocka_run_group_tests_name("dialect", tests, make_response, free_response);
}
