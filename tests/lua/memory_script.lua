-- Run by memory_host.c with allocations refused; gets the module. Uses everything once.
local tacho = ...
local c = assert(tacho.collector {session = "memory"})
local run <close> = c:session "run"
local agent <close> = c:agent("agent", {provider = "anthropic", model = "claude-opus-4-6"})
agent:usage {usage = {input_tokens = 5, output_tokens = 2}}
agent:add_component("part", 0.5)
do local part <close> = agent:component "timed" end -- luacheck: ignore
agent:tool_call("grep", 0.25, false, "timeout")
local function fails() error {code = "context_length_exceeded"} end
pcall(c:track("fails", fails, {kind = "tool"}))
local yields = c:track("yields", function(...) c:current():warn() return coroutine.yield(...) end)
local co = coroutine.create(yields)
coroutine.resume(co, 1, 2)
coroutine.wrap(yields)()
coroutine.resume(co)
local uses = c:track("uses", function() return {input = 1} end, {usage = function(usage) return usage end})
uses()
c:record("done", 1, {kind = "llm", usage = {input = 5}, components = {a = 0.5, b = 1}, cost = "0.5", error = "X"})
c:record_step {step = "plan", seconds = 1, tokens = 5}
tacho.calculate_cost("claude-opus-4-6", {input = 5}, {at = "2026-06-01T12:00:00Z"})
tostring(c:summary() or "")
tostring(c:operations() or "")
c:export "json"
agent:finish()
run:finish()
