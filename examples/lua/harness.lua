-- Records one agent run after the fact and prints its summary; with a path as argument it saves a snapshot there too.
-- examples/c/embed.c and examples/python/service.py make the same calls and print the same text.
--
--     lua5.4 examples/lua/harness.lua demo.tacho
local tacho = require "tachograph"

local function at(second)
  return ("2026-06-01T12:00:%02dZ"):format(second)
end

local function record_run()
  local _ <close> = tacho.session "demo" -- what is recorded in this block belongs to it
  tacho.record("web_search", 0.25, {kind = "tool", ended_at = at(2)})
  tacho.record("web_fetch", 1.5, {kind = "tool", error = "timeout", ended_at = at(3)})
  tacho.record("search", 2.1, {kind = "step", ended_at = at(3)})
  tacho.record("answer", 1.8, {
    kind = "llm",
    provider = "anthropic",
    model = "claude-opus-4-6",
    first_token = 0.4,
    usage = {input = 1200, output = 340, cache_read = 10000},
    ended_at = at(5),
  })
  tacho.record("plan_trip", 4.2, {kind = "agent", ended_at = at(5)})
end

record_run()
io.write(tostring(tacho.summary "demo"))
if arg[1] then
  assert(tacho.save(arg[1]))
end
