/**
 * Failures to categories (semantics 29, 30): one table over provider codes, HTTP status, class names and errno, in this
 * order. Message text is never read, so nothing of a prompt can decide anything.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <tachograph/record.h>

typedef struct word_rule {
    const char *word;
    uint8_t category, outcome;
} word_rule;

#define ERROR_AS(category) TACHO_CATEGORY_##category, TACHO_OUTCOME_ERROR
#define TIMEOUT_RULE       TACHO_CATEGORY_TIMEOUT, TACHO_OUTCOME_TIMEOUT
#define CANCELLED_RULE     TACHO_CATEGORY_NONE, TACHO_OUTCOME_CANCELLED
#define ABORTED_RULE       TACHO_CATEGORY_NONE, TACHO_OUTCOME_ABORTED

/* Provider codes: OpenAI error.code and error.type, Anthropic error.type, Google status, Bedrock exception codes,
 * Azure. */
static const word_rule codes[] = {
    {"context_length_exceeded", ERROR_AS(CONTEXT_LENGTH)},
    {"context_window_exceeded", ERROR_AS(CONTEXT_LENGTH)},
    {"model_context_window_exceeded", ERROR_AS(CONTEXT_LENGTH)},
    {"max_context_length_exceeded", ERROR_AS(CONTEXT_LENGTH)},
    {"string_above_max_length", ERROR_AS(CONTEXT_LENGTH)},
    {"request_too_large", ERROR_AS(CONTEXT_LENGTH)},
    {"content_filter", ERROR_AS(CONTENT_FILTER)},
    {"content_policy_violation", ERROR_AS(CONTENT_FILTER)},
    {"responsibleaipolicyviolation", ERROR_AS(CONTENT_FILTER)},
    {"safety", ERROR_AS(CONTENT_FILTER)},
    {"prohibited_content", ERROR_AS(CONTENT_FILTER)},
    {"moderation_blocked", ERROR_AS(CONTENT_FILTER)},
    {"guardrail_intervened", ERROR_AS(CONTENT_FILTER)},
    {"rate_limit_exceeded", ERROR_AS(RATE_LIMIT)},
    {"rate_limit_error", ERROR_AS(RATE_LIMIT)},
    {"rate_limited", ERROR_AS(RATE_LIMIT)},
    {"too_many_requests", ERROR_AS(RATE_LIMIT)},
    {"insufficient_quota", ERROR_AS(RATE_LIMIT)},
    {"resource_exhausted", ERROR_AS(RATE_LIMIT)},
    {"throttlingexception", ERROR_AS(RATE_LIMIT)},
    {"throttling", ERROR_AS(RATE_LIMIT)},
    {"invalid_api_key", ERROR_AS(AUTH)},
    {"authentication_error", ERROR_AS(AUTH)},
    {"permission_error", ERROR_AS(AUTH)},
    {"permission_denied", ERROR_AS(AUTH)},
    {"unauthenticated", ERROR_AS(AUTH)},
    {"accessdeniedexception", ERROR_AS(AUTH)},
    {"billing_error", ERROR_AS(AUTH)},
    {"invalid_request_error", ERROR_AS(INVALID_REQUEST)},
    {"invalid_argument", ERROR_AS(INVALID_REQUEST)},
    {"not_found_error", ERROR_AS(INVALID_REQUEST)},
    {"model_not_found", ERROR_AS(INVALID_REQUEST)},
    {"not_found", ERROR_AS(INVALID_REQUEST)},
    {"failed_precondition", ERROR_AS(INVALID_REQUEST)},
    {"validationexception", ERROR_AS(INVALID_REQUEST)},
    {"timeout_error", TIMEOUT_RULE},
    {"deadline_exceeded", TIMEOUT_RULE},
    {"modeltimeoutexception", TIMEOUT_RULE},
    {"overloaded_error", ERROR_AS(PROVIDER)},
    {"api_error", ERROR_AS(PROVIDER)},
    {"server_error", ERROR_AS(PROVIDER)},
    {"internal_server_error", ERROR_AS(PROVIDER)},
    {"unavailable", ERROR_AS(PROVIDER)},
    {"serviceunavailableexception", ERROR_AS(PROVIDER)},
    {"cancelled", CANCELLED_RULE},
};

/* Class names: Python built-ins and asyncio, the providers' packages, httpx, requests, aiohttp, urllib3, botocore. */
static const word_rule classes[] = {
    {"asynciotimeouterror", TIMEOUT_RULE},
    {"timeouterror", TIMEOUT_RULE},
    {"timeoutexception", TIMEOUT_RULE},
    {"timeout", TIMEOUT_RULE},
    {"apitimeouterror", TIMEOUT_RULE},
    {"readtimeout", TIMEOUT_RULE},
    {"connecttimeout", TIMEOUT_RULE},
    {"writetimeout", TIMEOUT_RULE},
    {"pooltimeout", TIMEOUT_RULE},
    {"readtimeouterror", TIMEOUT_RULE},
    {"connecttimeouterror", TIMEOUT_RULE},
    {"servertimeouterror", TIMEOUT_RULE},
    {"deadlineexceeded", TIMEOUT_RULE},
    {"cancellederror", CANCELLED_RULE},
    {"keyboardinterrupt", CANCELLED_RULE},
    {"generatorexit", ABORTED_RULE},
    {"systemexit", ERROR_AS(OTHER)},
    {"ratelimiterror", ERROR_AS(RATE_LIMIT)},
    {"throttlingexception", ERROR_AS(RATE_LIMIT)},
    {"toomanyrequests", ERROR_AS(RATE_LIMIT)},
    {"resourceexhausted", ERROR_AS(RATE_LIMIT)},
    {"authenticationerror", ERROR_AS(AUTH)},
    {"permissiondeniederror", ERROR_AS(AUTH)},
    {"unauthorizederror", ERROR_AS(AUTH)},
    {"forbiddenerror", ERROR_AS(AUTH)},
    {"contextwindowexceedederror", ERROR_AS(CONTEXT_LENGTH)},
    {"contentpolicyviolationerror", ERROR_AS(CONTENT_FILTER)},
    {"contentfilterfinishreasonerror", ERROR_AS(CONTENT_FILTER)},
    {"badrequesterror", ERROR_AS(INVALID_REQUEST)},
    {"notfounderror", ERROR_AS(INVALID_REQUEST)},
    {"unprocessableentityerror", ERROR_AS(INVALID_REQUEST)},
    {"invalidrequesterror", ERROR_AS(INVALID_REQUEST)},
    {"validationerror", ERROR_AS(INVALID_REQUEST)},
    {"internalservererror", ERROR_AS(PROVIDER)},
    {"serviceunavailableerror", ERROR_AS(PROVIDER)},
    {"overloadederror", ERROR_AS(PROVIDER)},
    {"badgatewayerror", ERROR_AS(PROVIDER)},
    {"apistatuserror", ERROR_AS(PROVIDER)},
    {"apiconnectionerror", ERROR_AS(NETWORK)},
    {"connectionerror", ERROR_AS(NETWORK)},
    {"connectionreseterror", ERROR_AS(NETWORK)},
    {"connectionrefusederror", ERROR_AS(NETWORK)},
    {"connectionabortederror", ERROR_AS(NETWORK)},
    {"brokenpipeerror", ERROR_AS(NETWORK)},
    {"connecterror", ERROR_AS(NETWORK)},
    {"readerror", ERROR_AS(NETWORK)},
    {"writeerror", ERROR_AS(NETWORK)},
    {"networkerror", ERROR_AS(NETWORK)},
    {"protocolerror", ERROR_AS(NETWORK)},
    {"remoteprotocolerror", ERROR_AS(NETWORK)},
    {"clientconnectionerror", ERROR_AS(NETWORK)},
    {"clientconnectorerror", ERROR_AS(NETWORK)},
    {"endpointconnectionerror", ERROR_AS(NETWORK)},
    {"maxretryerror", ERROR_AS(NETWORK)},
    {"newconnectionerror", ERROR_AS(NETWORK)},
    {"gaierror", ERROR_AS(NETWORK)},
    {"sslerror", ERROR_AS(NETWORK)},
    {"urlerror", ERROR_AS(NETWORK)},
    {"toolerror", ERROR_AS(TOOL)},
    {"toolexception", ERROR_AS(TOOL)},
    {"toolexecutionerror", ERROR_AS(TOOL)},
    {"modelretry", ERROR_AS(TOOL)},
    {"assertionerror", ERROR_AS(INTERNAL)},
    {"attributeerror", ERROR_AS(INTERNAL)},
    {"importerror", ERROR_AS(INTERNAL)},
    {"lookuperror", ERROR_AS(INTERNAL)},
    {"memoryerror", ERROR_AS(INTERNAL)},
    {"nameerror", ERROR_AS(INTERNAL)},
    {"notimplementederror", ERROR_AS(INTERNAL)},
    {"recursionerror", ERROR_AS(INTERNAL)},
    {"typeerror", ERROR_AS(INTERNAL)},
    {"valueerror", ERROR_AS(INTERNAL)},
    {"arithmeticerror", ERROR_AS(INTERNAL)},
};

/* `word` of a table is lower case; underscores are significant, capitals are not. */
static bool same_word(const char *word, const char *text) {
    for (; *word && *text; ++word, ++text) {
        if (*word != tolower((unsigned char)*text)) {
            return false;
        }
    }
    return *word == *text;
}

static bool find_word(const word_rule *rules, size_t count, const char *text, tacho_category *category,
                      tacho_outcome *outcome) {
    for (size_t i = 0; text && i < count; ++i) {
        if (same_word(rules[i].word, text)) {
            *category = (tacho_category)rules[i].category;
            *outcome = (tacho_outcome)rules[i].outcome;
            return true;
        }
    }
    return false;
}

/* "openai.RateLimitError" and "botocore.errorfactory.ThrottlingException" are known by their last part. */
static const char *last_part(const char *name) {
    const char *dot = name ? strrchr(name, '.') : NULL;
    return dot ? dot + 1 : name;
}

static bool by_status(int status, tacho_category *category, tacho_outcome *outcome) {
    *outcome = TACHO_OUTCOME_ERROR;
    if (status == 401 || status == 403) {
        *category = TACHO_CATEGORY_AUTH;
    } else if (status == 429) {
        *category = TACHO_CATEGORY_RATE_LIMIT;
    } else if (status == 408 || status == 504) {
        *category = TACHO_CATEGORY_TIMEOUT;
        *outcome = TACHO_OUTCOME_TIMEOUT;
    } else if (status >= 500 && status <= 599) {
        *category = TACHO_CATEGORY_PROVIDER;
    } else if (status == 400 || status == 404 || status == 422) {
        *category = TACHO_CATEGORY_INVALID_REQUEST;
    } else {
        return false;
    }
    return true;
}

static bool by_errno(int number, tacho_category *category, tacho_outcome *outcome) {
    *outcome = TACHO_OUTCOME_ERROR;
    switch (number) {
    case ETIMEDOUT:
        *category = TACHO_CATEGORY_TIMEOUT;
        *outcome = TACHO_OUTCOME_TIMEOUT;
        return true;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENETDOWN:
    case ENETUNREACH:
    case ENETRESET:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENOTCONN:
    case EADDRNOTAVAIL:
        *category = TACHO_CATEGORY_NETWORK;
        return true;
    default:
        return false;
    }
}

void tacho_classify(const tacho_failure *failure, tacho_category *category, tacho_outcome *outcome) {
    tacho_category found = TACHO_CATEGORY_OTHER;
    tacho_outcome ended = TACHO_OUTCOME_ERROR;
    bool known = false;
    if (failure && failure->struct_size >= sizeof *failure) {
        const uint32_t count = failure->class_names && failure->class_count <= 8 ? failure->class_count : 0;
        known = find_word(codes, sizeof codes / sizeof *codes, failure->code, &found, &ended) ||
                by_status(failure->http_status, &found, &ended);
        for (uint32_t i = 0; i < count && !known; ++i) {
            known = find_word(classes, sizeof classes / sizeof *classes, last_part(failure->class_names[i]), &found,
                              &ended);
        }
        known = known || by_errno(failure->error_number, &found, &ended);
    }
    if (!known) {
        found = TACHO_CATEGORY_OTHER;
        ended = TACHO_OUTCOME_ERROR;
    }
    if (category) {
        *category = found;
    }
    if (outcome) {
        *outcome = ended;
    }
}
