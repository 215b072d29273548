#include "transcript.h"

#include <stdarg.h>
#include <stdio.h>

static void print(tacho__buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print(tacho__buffer *out, const char *format, ...) {
    char text[4096];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    tacho__buffer_string(out, text);
}

static void print_time(tacho__buffer *out, double at) {
    long ms = (long)(at * 1000 + 0.5), s = ms / 1000;
    print(out, "\"timestamp\":\"2026-02-%02ldT%02ld:%02ld:%02ld.%03ldZ\"", 11 + (20 + s / 3600) / 24,
          (20 + s / 3600) % 24, s / 60 % 60, s % 60, ms % 1000);
}

static void print_text(tacho__buffer *out, const char *key, const char *text) {
    if (text) {
        print(out, "\"%s\":\"%s\",", key, text);
    }
}

static void print_usage(tacho__buffer *out, const say *line) {
    if (line->usage) {
        print(out, ",\"usage\":%s", line->usage);
        return;
    }
    print(out,
          ",\"usage\":{\"input_tokens\":%d,\"cache_creation_input_tokens\":%d,\"cache_read_input_tokens\":%d,"
          "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%d,\"ephemeral_1h_input_tokens\":%d},"
          "\"output_tokens\":%d,\"service_tier\":\"standard\"}",
          line->input, line->cache_write + line->cache_write_1h, line->cache_read, line->cache_write,
          line->cache_write_1h, line->output);
}

static void print_message(tacho__buffer *out, const say *line, const char *role, const char *content, bool usage) {
    print(out, "\"message\":{");
    print_text(out, "id", line->id);
    print_text(out, "model", line->model);
    print(out, "\"role\":\"%s\",\"content\":%s", role, content);
    if (usage) {
        print_usage(out, line);
    }
    print(out, "}");
}

/* A line around a message; a wrapped one is a line of its own inside `data`. */
static void print_line(tacho__buffer *out, const say *line, const char *type, const char *content, bool usage) {
    print(out, "{\"parentUuid\":null,");
    print_text(out, "sessionId", line->session);
    if (line->inside) {
        print(out, "\"isSidechain\":false,\"type\":\"progress\",\"data\":{\"message\":{");
    } else {
        print(out, "\"isSidechain\":%s,", line->sidechain ? "true" : "false");
        print_text(out, "agentId", line->agent);
    }
    print(out, "\"type\":\"%s\",", type);
    print_text(out, "requestId", line->request);
    print_text(out, "uuid", line->uuid);
    if (line->cost) {
        print(out, "\"costUSD\":%s,", line->cost);
    }
    if (line->result_agent) {
        print(out, "\"toolUseResult\":{\"status\":\"completed\",\"agentId\":\"%s\"},", line->result_agent);
    }
    print_message(out, line, type, content, usage);
    if (!line->no_time) {
        print(out, ",");
        print_time(out, line->at);
    }
    if (line->inside) {
        print(out, "},\"type\":\"agent_progress\",\"agentId\":\"%s\"},\"parentToolUseID\":\"%s\",\"uuid\":\"outer-%s\"",
              line->agent ? line->agent : "", line->inside, line->uuid ? line->uuid : "");
    }
    print(out, "}\n");
}

void say_call(tacho__buffer *out, say line) {
    char content[1024] = "[{\"type\":\"text\",\"text\":\"the secret answer\"}]";
    if (line.tool_use) {
        snprintf(content, sizeof content,
                 "[{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":\"%s\",\"input\":{\"command\":\"the secret "
                 "command\"%s%s%s}}]",
                 line.tool_use, line.tool ? line.tool : "Bash", line.agent_type ? ",\"subagent_type\":\"" : "",
                 line.agent_type ? line.agent_type : "", line.agent_type ? "\"" : "");
    }
    print_line(out, &line, "assistant", content, true);
}

void say_result(tacho__buffer *out, say line) {
    char content[512];
    snprintf(content, sizeof content,
             "[{\"type\":\"tool_result\",\"tool_use_id\":\"%s\",\"content\":\"the secret output\",\"is_error\":%s}]",
             line.tool_result, line.is_error ? "true" : "false");
    print_line(out, &line, "user", content, false);
}

void say_prompt(tacho__buffer *out, say line, const char *text) {
    char content[512];
    snprintf(content, sizeof content, "\"%s\"", text ? text : "please do the secret thing");
    print_line(out, &line, "user", content, false);
}

void say_boundary(tacho__buffer *out, say line) {
    print(out, "{");
    print_text(out, "sessionId", line.session);
    print_text(out, "uuid", line.uuid);
    print(out, "\"type\":\"system\",\"subtype\":\"compact_boundary\",\"content\":\"x\",");
    print_time(out, line.at);
    print(out, "}\n");
}

void say_line(tacho__buffer *out, const char *json) {
    tacho__buffer_string(out, json);
    tacho__buffer_byte(out, '\n');
}
