local fresh = require "fresh"
local tacho = require "tachograph"

describe("record", function()
  local c
  before_each(function() c = fresh.collector() end)

  local function row(name) return fresh.row(c:operations(), "operation", name) end

  it("keeps everything it is given", function()
    assert.is_true(c:record("answer", 1.5, {
      kind = "llm", provider = "anthropic", model = "claude-opus-4-6", error = "RateLimitError", tool = "search",
      usage = {input = 1000000}, components = {a = 0.5, b = 0.25}, ended_at = "2026-06-01T12:00:01.5Z",
      retries = 2, interventions = 1, warnings = 3, first_token = 0.5, context_size = 10, context_limit = 20,
    }))
    local record = fresh.records(c).answer
    assert.equal(1.5, record.seconds)
    assert.equal("2026-06-01T12:00:00Z", record.started_at)
    assert.equal("2026-06-01T12:00:01.5Z", record.ended_at)
    assert.equal("error", record.outcome)
    assert.equal("rate_limit", record.error_category)
    assert.equal("RateLimitError", record.error_type)
    assert.equal("5", record.cost_usd)
    assert.equal("exact", record.cost_state)
    assert.same({a = 0.5, b = 0.25}, record.components)
    assert.equal(2, record.retries)
    assert.equal(1, record.interventions)
    assert.equal(3, record.warning_count)
    assert.equal(0.5, record.first_token_seconds)
    assert.equal(10, record.context_size)
    assert.equal(20, record.context_limit)
    assert.equal("search", record.tool)
  end)

  it("takes instants as text with any offset, or as epoch seconds", function()
    c:record("zulu", 0, {ended_at = "2026-06-01T12:00:00Z"})
    c:record("east", 0, {ended_at = "2026-06-01 14:00:00.000+02:00"})
    c:record("west", 0, {ended_at = "2026-06-01T07:30:00-04:30"})
    c:record("epoch", 0, {ended_at = 1780315200})
    c:record("float", 0, {ended_at = 1780315200.5})
    c:record("leap", 0, {ended_at = "2024-02-29T23:59:59.999999999Z"})
    local records = fresh.records(c)
    for _, name in ipairs {"zulu", "east", "west", "epoch"} do
      assert.equal("2026-06-01T12:00:00Z", records[name].ended_at)
    end
    assert.equal("2026-06-01T12:00:00.5Z", records.float.ended_at)
    assert.equal("2024-02-29T23:59:59.999999999Z", records.leap.ended_at)
    local wrong_ones = {"yesterday", "2026-13-01T00:00:00Z", "2026-06-01T12:00:00", "2026-06-01T25:00:00Z", 1e300}
    for _, wrong in ipairs(wrong_ones) do
      assert.has_error(function() c:record("x", 1, {ended_at = wrong}) end)
    end
  end)

  it("refuses durations that are none, and says so", function()
    for _, seconds in ipairs {0 / 0, math.huge, -math.huge, -1, 1e300} do
      local ok, message, code = c:record("bad", seconds)
      assert.is_nil(ok)
      assert.equal("string", type(message))
      assert.equal("INVALID", code)
    end
    assert.is_nil(row("bad"))
    assert.is_nil((c:record("bad", 1, {components = {part = -1}})))
    assert.is_nil((c:record("bad", 1, {first_token = 0 / 0})))
    assert.is_nil(row("bad"))
  end)

  it("knows a duration that nobody knows", function()
    c:record("untimed", nil)
    assert.equal(1, row("untimed").calls)
    assert.equal(0, row("untimed").timed_calls)
    assert.is_nil(row("untimed").avg_seconds)
  end)

  it("records steps in all three forms", function()
    c:record_step("plan", 0.5, {tool = "grep"})
    c:record_step {step = "plan", duration = 1, tokens = 50, success = false, description = "not kept"}
    c:record_step {name = "plan", seconds = 1.5, tokens = {input = 5, output = 2}}
    do local step <close> = c:record_step "plan" end -- luacheck: ignore
    assert.equal(4, row("plan").calls)
    assert.equal("step", row("plan").kind)
    assert.equal(1, row("plan").error)
    assert.equal(55, row("plan").input_tokens)
    assert.equal(2, row("plan").output_tokens)
    assert.has_error(function() c:record_step {seconds = 1} end)
  end)

  it("records tool calls", function()
    c:record_tool_call("edit_file", 2.3)
    c:record_tool_call("edit_file", 1.7, {success = false, error = "FileNotFoundError"})
    local edit = fresh.row(c:tools(), "tool", "edit_file")
    assert.equal(2, edit.calls)
    assert.equal(1, edit.errors)
    assert.same({FileNotFoundError = 1}, edit.error_types)
  end)

  it("belongs to what is open around it", function()
    local op <close> = c:agent "around"
    c:record("inside", 0.1)
    op:finish()
    local records = fresh.records(c)
    assert.equal(records.around.id, records.inside.parent_id)
  end)

  it("raises for wrong types and unknown words", function()
    for _, call in ipairs {
      function() c:record() end,
      function() c:record(1, 1) end,
      function() c:record("x", "1") end,
      function() c:record("x", 1, 2) end,
      function() c:record("x", 1, {kind = "no such kind"}) end,
      function() c:record("x", 1, {kind = 1}) end,
      function() c:record("x", 1, {succes = false}) end,
      function() c:record("x", 1, {success = "no"}) end,
      function() c:record("x", 1, {components = 1}) end,
      function() c:record("x", 1, {components = {1}}) end,
      function() c:record("x", 1, {retries = -1}) end,
      function() c:record("x", 1, {retries = 1.5}) end,
      function() c:record("x", 1, {usage = true}) end,
      function() c:record("x", 1, {cost = "much"}) end,
      function() c:record("x", 1, {cost = {}}) end,
      function() c:record("x", 1, {session = 1}) end,
      function() c:record("x", 1, {outcome = "fine"}) end,
      function() c:record("x", 1, {tags = {a = 1}}) end,
      function() c:record("x", 1, {[1] = 1}) end,
      function() tacho.record("x", {}) end,
    } do
      assert.has_error(call)
    end
    assert.same({}, {table.unpack(c:operations())})
  end)

  it("records calls of providers", function()
    assert.is_true(c:record_call("anthropic", "answer", 2, {model = "claude-opus-4-6", usage = {input = 1000}}))
    assert.is_true(c:record_call("anthropic", 2))
    assert.is_true(c:record_success("openai", 1, {operation = "ask", model = "gpt-4o"}))
    assert.is_true(c:record_failure("openai", 1, "network", {operation = "ask"}))
    local openai = fresh.row(c:providers(), "provider", "openai")
    assert.equal(2, openai.calls)
    assert.equal(0.5, openai.availability)
    assert.equal(1, fresh.row(c:operations(), "operation", "anthropic").calls)
    assert.equal("0.005", fresh.row(c:operations(), "operation", "answer").cost_usd)
    assert.has_error(function() c:record_success("openai", 1, {colour = 1}) end)
    assert.has_error(function() c:record_failure("openai", 1, "network", 3) end)
    assert.has_error(function() c:record("x", 1, {operation = "y"}) end)
  end)

  it("begins a call without seconds, and knows its record after the end", function()
    local op = c:record_call("anthropic", "live", {model = "claude-opus-4-6"})
    assert.is_nil(op.record)
    assert.is_true(c:record_usage {input = 5, output = 2})
    assert.is_true(c:record_context(500, 1000))
    assert.equal(op, c:current())
    op:finish()
    assert.equal("live", op.record.operation)
    assert.equal(500, op.record.context_size)
    assert.equal(5, op.record.input_tokens)
    assert.is_true(c:record_usage({input = 7}, {provider = "cohere", operation = "embed", kind = "embedding"}))
    assert.equal(7, fresh.row(c:operations(), "operation", "embed").input_tokens)
    assert.is_true(c:record_context(1))
  end)

  it("tells a class that nobody knows among others", function()
    local op = c:step "plan"
    local done, _, code = op:usage {input = 5, outputt = 3}
    assert.is_nil(done)
    assert.equal("INVALID", code)
    assert.is_true(op:usage {prompt_tokens = 5, completion_tokens = 1, total_tokens = 6})
    op:finish()
    c:record("x", 1, {usage = {input = 5, outputt = 3}})
    assert.equal(15, c:summary().input_tokens)
    assert.equal(2, c:summary().data_quality.drops.usage_fault)
  end)

  it("prints the slowest as they stand", function()
    local op = c:agent "outer"
    c:record("long", 9)
    op:finish()
    local second = tostring(c:slowest()):match "\n([^\n]*)"
    assert.matches("^long", second)
  end)
end)

describe("session", function()
  local c
  before_each(function() c = fresh.collector() end)

  it("has the operations that begin inside", function()
    do
      local run <close> = c:session "demo"
      assert.equal("demo", run.id)
      c:record("a", 1)
      c:step("b"):finish()
      c:track("d", function() end)()
      local op <close> = c:agent "parent"
      c:record("child", 1)
      op:finish()
      assert.equal(5, c:summary().total_operations)
    end
    c:record("outside", 1)
    assert.equal(5, c:summary("demo").total_operations)
    assert.equal(6, c:summary().total_operations)
  end)

  it("nests and takes a random id", function()
    local outer <close> = c:session()
    local inner = c:session {id = "inner"}
    c:record("x", 1)
    inner:finish()
    c:record("y", 1)
    assert.is_nil(inner.id)
    inner:finish()
    local records = fresh.records(c)
    assert.equal("inner", records.x.session)
    assert.equal(outer.id, records.y.session)
    assert.is_true(#outer.id > 8)
  end)

  it("gives its summary away at the end", function()
    local text
    local sink = {write = function(_, piece) text = (text or "") .. piece end}
    do
      local run <close> = c:session {id = "told", summary = sink} -- luacheck: ignore
      c:record_step("plan", 1)
    end
    assert.matches("told", text)
    c:session({id = "x", summary = {write = function() error "full" end}}):finish()
  end)

  it("can be named by calls", function()
    c:record("x", 1, {session = "far"})
    c:record("x", 1, {session = "far"})
    c:step("y", {session = "far"}):finish()
    local run <close> = c:session "given"
    c:record("z", 1, {session = run})
    assert.equal(3, c:summary("far").total_operations)
    assert.equal("given", fresh.records(c).z.session)
  end)
end)

describe("tags that are not declared", function()
  local tags = {tier = "gold", region = "eu"}

  it("go to the record, those that are stay labels", function()
    local collector = fresh.collector {tags = "tier"}
    collector:operation("a", {tags = tags, metadata = {size = 3}}):finish()
    collector:record("b", 1, {tags = tags})
    collector:record("c", 1, {tags = tags, metadata = {region = "us"}})
    collector:track("d", function() end, {tags = tags, metadata = {size = 4}})()
    local records = fresh.records(collector)
    assert.same({region = "eu", size = 3}, records.a.metadata)
    assert.same({region = "eu"}, records.b.metadata)
    assert.same({region = "us"}, records.c.metadata)
    assert.same({region = "eu", size = 4}, records.d.metadata)
    assert.is_nil((collector:summary().data_quality.drops or {}).tag_undeclared)
  end)

  it("of a tracked function are read when it is written", function()
    local collector = fresh.collector()
    assert.has_error(function() collector:track("d", function() end, {metadata = {size = {}}}) end)
    local metadata = {size = 4}
    local d = collector:track("d", function() end, {metadata = metadata})
    d()
    collectgarbage()
    d()
    for _, record in ipairs(collector:records()) do assert.same({size = 4}, record.metadata) end
  end)
end)
