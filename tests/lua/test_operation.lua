local fresh = require "fresh"
local tacho = require "tachograph"

describe("operation", function()
  local c
  before_each(function() c = fresh.collector() end)

  local function row(name) return fresh.row(c:operations(), "operation", name) end

  it("ends when its block is left", function()
    do
      local op <close> = c:operation("block", {kind = "workflow"})
      assert.is_nil(op.outcome)
      assert.matches("^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$", op.id)
    end
    assert.equal(1, row("block").ok)
    assert.equal("workflow", row("block").kind)
  end)

  it("fails when its block raises", function()
    local problem = {status = 401}
    local ok, caught = pcall(function()
      local op <close> = c:llm("ask") -- luacheck: ignore
      error(problem)
    end)
    assert.is_false(ok)
    assert.equal(problem, caught)
    local record = fresh.records(c).ask
    assert.equal("error", record.outcome)
    assert.equal("auth", record.error_category)
  end)

  it("can be ended by hand, once", function()
    local op = c:step("by hand")
    op:finish()
    assert.equal("ok", op.outcome)
    local seconds = op.seconds
    op:finish("error")
    assert.equal("ok", op.outcome)
    assert.equal(seconds, op.seconds)
    assert.equal(1, row("by hand").calls)
    for _, outcome in ipairs {"ok", "error", "timeout", "cancelled", "aborted"} do c:step("all"):finish(outcome) end
    local all = row("all")
    assert.same({1, 1, 1, 1, 1}, {all.ok, all.error, all.timeout, all.cancelled, all.aborted})
    assert.has_error(function() c:step("x"):finish("fine") end)
  end)

  it("is aborted when its coroutine is closed or nobody keeps it", function()
    local co = coroutine.create(function()
      local op <close> = c:operation("closed") -- luacheck: ignore
      coroutine.yield()
    end)
    coroutine.resume(co)
    coroutine.close(co)
    assert.equal(1, row("closed").aborted)
    c:operation("dropped")
    collectgarbage()
    collectgarbage()
    assert.equal(1, row("dropped").aborted)
  end)

  it("fails when an error ends its coroutine", function()
    local co = coroutine.create(function()
      local op <close> = c:operation("died") -- luacheck: ignore
      error {status = 500}
    end)
    assert.is_false((coroutine.resume(co)))
    assert.equal(1, row("died").error)
  end)

  it("knows the short forms", function()
    for _, kind in ipairs {"step", "tool", "llm", "agent", "workflow"} do c[kind](c, kind):finish() end
    local kinds = {}
    for _, record in ipairs(c:records()) do kinds[record.operation] = record.kind end
    assert.same({step = "step", tool = "tool", llm = "llm", agent = "agent", workflow = "workflow"}, kinds)
  end)

  it("nests, and current() is the innermost", function()
    local outer = c:agent "outer"
    assert.equal(outer, c:current())
    local inner = c:step "inner"
    assert.equal(inner, c:current())
    inner:finish()
    assert.equal(outer, c:current())
    outer:finish()
    assert.is_nil(c:current().id)
    c:current():usage {input = 1}
    local records = fresh.records(c)
    assert.equal(records.outer.id, records.inner.parent_id)
    assert.equal(records.outer.trace_id, records.inner.trace_id)
    assert.is_nil(records.outer.parent_id)
  end)

  it("may end in any order", function()
    local a, b, d = c:step "a", c:step "b", c:step "d"
    a:finish()
    assert.equal(d, c:current())
    d:finish()
    assert.equal(b, c:current())
    b:finish()
    assert.is_nil(c:current().id)
  end)

  it("gives the tracked call in flight to current()", function()
    local kept
    local ask = c:track("ask", function()
      kept = c:current()
      assert.equal(kept, c:current())
      kept:usage {input = 10, output = 2}
      c:current():fail("rate_limit", "Throttled")
    end, {kind = "llm"})
    ask()
    local record = fresh.records(c).ask
    assert.equal(10, record.input_tokens)
    assert.equal("error", record.outcome)
    assert.equal("rate_limit", record.error_category)
    assert.equal("Throttled", record.error_type)
    assert.equal("error", kept.outcome)
    assert.equal(record.seconds, kept.seconds)
    kept:usage {input = 5}
    assert.equal(10, row("ask").input_tokens)
  end)

  it("collects components, tool calls, context, retries, people and warnings", function()
    local op = c:step("busy", {provider = "anthropic"})
    op:add_component("parse", 0.25)
    do local part <close> = op:component "think" end -- luacheck: ignore
    local part = op:component "twice"
    part:finish()
    part:finish()
    op:tool_call("grep", 0.5)
    op:tool_call("grep", 0.25, false)
    op:tool_call("fetch", 1.5, false, "timeout")
    op:context(1000, {limit = 5000})
    op:context(2000, 5000, true)
    op:retry "overloaded"
    op:human()
    op:warn()
    op:first_token()
    op:finish()
    local record = fresh.records(c).busy
    assert.equal(0.25, record.components.parse)
    assert.is_truthy(record.components.think)
    assert.is_truthy(record.components.twice)
    assert.equal(1, record.retries)
    assert.equal(1, record.interventions)
    assert.equal(1, record.warning_count)
    assert.equal(2000, record.context_size)
    assert.equal(5000, record.context_limit)
    assert.equal(3, record.tool_calls)
    local grep = fresh.row(c:tools(), "tool", "grep")
    assert.equal(2, grep.calls)
    assert.equal(1, grep.errors)
    assert.equal(1, fresh.row(c:tools(), "tool", "fetch").timeout)
  end)

  it("prices usage as classes, response, JSON text and with a reported cost", function()
    local opus = {provider = "anthropic", model = "claude-opus-4-6"}
    local op = c:llm("classes", opus)
    op:usage {input = 1200, output = 340, cache_read = 10000}
    assert.equal("0.0195", op.cost_usd)
    op:finish()
    assert.equal("0.0195", op.cost_usd)
    op = c:llm("response", opus)
    op:usage {id = "msg_1", usage = {input_tokens = 1200, output_tokens = 340, cache_read_input_tokens = 10000}}
    op:finish()
    assert.equal("0.0195", op.cost_usd)
    op = c:llm("text", opus)
    op:usage '{"usage": {"input_tokens": 1200, "output_tokens": 340, "cache_read_input_tokens": 10000}}'
    op:finish()
    assert.equal("0.0195", op.cost_usd)
    op = c:llm("named", {})
    op:usage {provider = "anthropic", model = "claude-opus-4-6", input = 1200, output = 340, cache_read = 10000}
    op:finish()
    assert.equal("0.0195", op.cost_usd)
    op = c:llm("late", {})
    op:provider "anthropic"
    op:model "claude-opus-4-6"
    op:usage({prompt_tokens = 10, completion_tokens = 5}, "openai_chat")
    op:finish()
    assert.equal("0.000175", op.cost_usd)
    op = c:llm("reported", opus)
    op:usage {input = 1}
    op:cost "0.000000000001"
    op:finish()
    assert.equal("0.000000000001", op.cost_usd)
    assert.has_error(function() c:llm("x"):usage(12) end)
    assert.has_error(function() c:llm("x"):usage({}, "no such dialect") end)
    assert.has_error(function() c:llm("x"):usage {input = "many"} end)
  end)

  it("folds the events of a stream that are given one at a time", function()
    local events = {
      {type = "message_start", message = {id = "msg_1", model = "claude-opus-4-6", usage = {
        input_tokens = 3, cache_creation_input_tokens = 8037, output_tokens = 1, service_tier = "batch",
        cache_creation = {ephemeral_5m_input_tokens = 37, ephemeral_1h_input_tokens = 8000}}}},
      {type = "content_block_delta", delta = {type = "text_delta", text = "x"}},
      {type = "message_delta", delta = {stop_reason = "end_turn"},
        usage = {cache_creation_input_tokens = 8037, output_tokens = 512}},
      {type = "message_stop"},
    }
    local opus = {provider = "anthropic", model = "claude-opus-4-6"}
    local whole, single = c:llm("whole", opus), c:llm("single", opus)
    whole:usage(events)
    for _, event in ipairs(events) do single:usage(event) end
    whole:finish()
    single:finish()
    assert.is_string(whole.cost_usd)
    assert.equal(whole.cost_usd, single.cost_usd)
    for _, key in ipairs {"input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens"} do
      assert.equal(row("whole")[key], row("single")[key])
    end
    assert.equal(512, row("single").output_tokens)
    assert.equal(8000, row("single").cache_write_1h_tokens)
  end)

  it("has unknown cost, not zero, without a price", function()
    local op = c:llm("mystery", {provider = "nobody", model = "no-such-model-1"})
    op:usage {input = 10}
    op:finish()
    assert.is_nil(op.cost_usd)
    assert.equal("unknown", row("mystery").cost_state)
    assert.is_nil(row("mystery").cost_usd)
  end)

  it("joins the trace it is given and hands on its own", function()
    local trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    local op = c:operation("joined", {traceparent = "00-" .. trace .. "-00f067aa0ba902b7-01"})
    local own = op:traceparent()
    assert.equal("00-" .. trace .. "-" .. op.id .. "-01", own)
    op:finish()
    local record = fresh.records(c).joined
    assert.equal(trace, record.trace_id)
    assert.equal("00f067aa0ba902b7", record.parent_id)
  end)

  it("does nothing when recording is off", function()
    local off = fresh.collector {enabled = false}
    local op <close> = off:operation "nothing"
    op:usage {input = 1}
    op:tool_call("x", 1)
    op:add_component("y", 1)
    assert.is_nil(op.id)
    assert.is_false(off:enabled())
    assert.is_true(tacho.enabled())
  end)

  it("ignores durations that are none", function()
    local op = c:step "odd"
    for _, seconds in ipairs {0 / 0, math.huge, -math.huge, -1} do
      op:add_component("part", seconds)
      op:tool_call("tool", seconds)
    end
    op:finish()
    assert.same({}, {table.unpack(c:tools())})
    assert.is_nil(fresh.records(c).odd.components)
  end)

  it("reads usage that reports usage while it is read", function()
    local other = fresh.collector()
    local inner = other:llm("inner", {provider = "openai"})
    local outer = c:llm("outer", {provider = "openai"})
    local response = setmetatable({id = "1", model = "gpt-4o"}, {
      __index = function(_, key)
        if key ~= "usage" then return nil end
        inner:usage {id = "2", model = "gpt-4o-mini", usage = {prompt_tokens = 1, completion_tokens = 2}}
        return {prompt_tokens = 10, completion_tokens = 20}
      end,
    })
    assert.is_true(outer:usage(response))
    outer:finish()
    inner:finish()
    local of_outer, of_inner = fresh.records(c).outer, fresh.records(other).inner
    assert.same({"gpt-4o", 30}, {of_outer.model, of_outer.total_tokens})
    assert.same({"gpt-4o-mini", 3}, {of_inner.model, of_inner.total_tokens})
  end)

  it("may be asked for by a finalizer when nobody holds it any more", function()
    local saved
    do
      c:operation "lost"
      setmetatable({}, {__gc = function() saved = c:current() end})
    end
    for _ = 1, 4 do
      collectgarbage()
      c:operation("next"):finish()
    end
    assert.is_number(saved.seconds)
    assert.equal("aborted", saved.outcome)
  end)

  it("keeps metadata and events in its record", function()
    local op = c:step("noted", {metadata = {tier = "gold", n = 3, ratio = 0.5, ok = true}})
    op:event("saved", {path = "x"})
    op:retry("busy")
    op:finish()
    c:record("after", 1.0, {metadata = {a = "b"}, description = "about it"})
    local records = fresh.records(c)
    assert.same({tier = "gold", n = 3, ratio = 0.5, ok = true}, records.noted.metadata)
    assert.equal("saved", records.noted.events[1].name)
    assert.same({path = "x"}, records.noted.events[1].fields)
    assert.same({reason = "busy"}, records.noted.events[2].fields)
    assert.same({a = "b"}, records.after.metadata)
    assert.equal("about it", records.after.description)
    assert.has_error(function() c:step("x", {metadata = {a = {}}}) end)
  end)
end)
