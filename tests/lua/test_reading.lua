local fresh = require "fresh"
local tacho = require "tachograph"

describe("reading", function()
  local c
  before_each(function()
    c = fresh.collector()
    local opus = {kind = "llm", provider = "anthropic", model = "claude-opus-4-6", usage = {input = 1200, output = 340}}
    c:record("answer", 1.8, opus)
    c:record_step("plan", 2.5)
    c:record_tool_call("grep", 0.25)
    c:record_tool_call("fetch", 1.5, {error = "timeout"})
  end)

  it("sums up", function()
    local summary = c:summary()
    assert.equal(2, summary.total_operations)
    assert.equal(1, summary.total_steps)
    assert.equal(2, summary.total_tool_calls)
    assert.equal("0.0145", summary.total_cost_usd)
    assert.equal("exact", summary.cost_state)
    assert.equal(1540, summary.total_tokens)
    assert.equal("claude-opus-4-6", summary.models[1].model)
    assert.equal(2, #summary.tools)
    assert.equal("answer", summary.slowest[2].operation)
    assert.is_nil(summary.session)
    assert.is_nil(summary.context_size == 0 or nil)
  end)

  it("prints summaries, rows and records as tables", function()
    assert.matches("claude%-opus%-4%-6", tostring(c:summary()))
    assert.matches("0%.0145", tostring(c:summary()))
    assert.matches("grep", tostring(c:tools()))
    assert.matches("plan", tostring(c:operations()))
    assert.matches("plan", tostring(c:slowest()))
  end)

  it("keeps tools out of operations and has totals", function()
    local operations = c:operations()
    assert.is_nil(fresh.row(operations, "kind", "tool"))
    assert.equal(2, #operations)
    assert.equal(2, operations.totals.calls)
    assert.same({}, operations.warnings)
    assert.equal(2, c:tools().totals.calls)
  end)

  it("lists the slowest first, as many as asked", function()
    local slowest = c:slowest(2)
    assert.equal(2, #slowest)
    assert.equal("plan", slowest[1].operation)
    assert.equal(4, #c:slowest())
    assert.equal(4, #c:records())
    assert.equal(0, c:records().lost)
  end)

  it("leaves out what is not known", function()
    c:record("bare", 1)
    local bare = fresh.row(c:operations(), "operation", "bare")
    assert.is_nil(bare.cost_usd)
    assert.is_nil(bare.input_tokens)
    assert.is_nil(bare.first_token_seconds)
    assert.equal("unknown", bare.cost_state)
  end)

  it("fails with nil, message and code", function()
    local summary, message, code = c:summary "no such session"
    assert.is_nil(summary)
    assert.equal("string", type(message))
    assert.equal("NOT_FOUND", code)
    assert.has_error(function() c:summary {} end)
  end)

  it("starts over", function()
    c:reset()
    assert.equal(0, c:summary().total_operations)
    c:record("again", 1)
    assert.equal(1, c:summary().total_operations)
  end)

  it("exports", function()
    for _, format in ipairs {"json", "msgpack", "text", "csv"} do
      local text = assert(c:export(format))
      assert.is_true(#text > 10)
      if format ~= "msgpack" then assert.equal(text, c:export(format)) end -- it says when it was taken
    end
    assert.has_error(function() c:export "no such format" end)
    local pieces = {}
    local sink = {write = function(_, text) pieces[#pieces + 1] = text end}
    assert.is_true(c:export("json", sink))
    assert.equal(c:export "json", table.concat(pieces))
    local full = {write = function() return nil, "No space left on device", 28 end}
    assert.same({nil, "No space left on device", "IO"}, {c:export("json", full)})
    local file = io.tmpfile()
    assert.is_true(c:export("json", file))
    file:seek "set"
    assert.equal(c:export "json", file:read "a")
    file:close()
  end)

  it("saves, loads and merges", function()
    for _, suffix in ipairs {".json", ".tacho"} do
      local path = os.tmpname()
      os.remove(path)
      path = path .. suffix
      assert.equal(path, c:save(path))
      local loaded = assert(tacho.load(path))
      assert.equal(c:export "json", loaded:export "json")
      assert.equal(4, #loaded:slowest())
      assert.equal(2, loaded:summary().total_operations)
      assert.equal(loaded:export "json", loaded:merge(assert(tacho.load(path))):export "json")
      assert.equal(loaded, loaded:snapshot())
      os.remove(path)
    end
    local nothing, message, code = tacho.load "/no/such/file"
    assert.is_nil(nothing)
    assert.equal("string", type(message))
    assert.equal("NOT_FOUND", code)
    local damaged = os.tmpname()
    local file = assert(io.open(damaged, "wb"))
    file:write "this is no snapshot"
    file:close()
    nothing, message, code = tacho.load(damaged)
    assert.is_nil(nothing)
    assert.is_truthy(message)
    assert.is_truthy(code == "FOREIGN" or code == "DAMAGED")
    assert.is_nil((c:save(damaged)))
    os.remove(damaged)
    assert.is_nil((c:save "/no/such/folder/file"))
  end)

  it("saves into the data directory by default", function()
    local home = os.getenv "XDG_DATA_HOME" or os.getenv "HOME"
    if not home then return pending "no home" end
    local path = assert(c:save())
    assert.equal(home, path:sub(1, #home))
    assert.is_truthy(tacho.load(path))
    os.remove(path)
  end)

  it("takes snapshots that do not change", function()
    local before = c:snapshot()
    c:record("more", 1)
    assert.equal(2, before:summary().total_operations)
    assert.equal(3, c:snapshot():summary().total_operations)
    assert.equal(3, c:summary().total_operations)
  end)

  it("tells the availability of providers", function()
    c:record("ask", 1, {kind = "llm", provider = "openai", error = "network"})
    c:record("ask", 1, {kind = "llm", provider = "openai"})
    local openai = fresh.row(c:providers(), "provider", "openai")
    assert.equal(0.5, openai.availability)
    assert.equal(0, openai.in_flight)
    assert.matches("AVAILABLE", tostring(c:providers()))
  end)

  it("groups costs and usage by one or several keys", function()
    local costs = c:costs()
    assert.equal("claude-opus-4-6", costs[1].model)
    assert.equal("anthropic", costs[1].provider)
    assert.equal("0.0145", costs.total_cost_usd)
    assert.same({anthropic = "0.0145"}, costs.by_provider)
    assert.same({answer = "0.0145"}, costs.by_operation)
    assert.equal(1540, c:usage("total").total_tokens)
    assert.equal(1, c:snapshot():usage({"operation", "model"}).totals.calls - 1)
    assert.equal(0, #c:usage("model", {["until"] = 1}))
    assert.has_error(function() c:usage "colour" end)
    assert.has_error(function() c:usage("model", {colour = 1}) end)
    local none, _, code = c:costs(nil, {session = "nobody"})
    assert.is_nil(none)
    assert.equal("NOT_FOUND", code)
  end)

  it("says how far numbers can be trusted", function()
    local op = c:step "plan"
    op:finish()
    op:finish()
    local quality = c:summary().data_quality
    assert.equal(0, quality.records_lost)
    local dropped = 0
    for _, n in pairs(quality.drops) do dropped = dropped + n end
    assert.equal(1, dropped)
  end)
end)

describe("calculate_cost", function()
  local at = {provider = "anthropic", at = "2026-06-01T12:00:00Z"}

  it("prices classes, responses and text", function()
    local cost = tacho.calculate_cost("claude-opus-4-6", {input = 1200, output = 340, cache_read = 10000}, at)
    assert.equal("0.0195", cost.usd)
    assert.equal("exact", cost.state)
    assert.equal("USD", cost.currency)
    assert.equal("0.011", cost.input_usd)
    assert.equal("0.0085", cost.output_usd)
    assert.same({input = "0.006", output = "0.0085", cache_read = "0.005"}, cost.components)
    assert.equal("2026-06-01T12:00:00Z", cost.priced_at)
    assert.equal("0.0195", cost.table_usd)
    assert.is_nil(cost.reported_usd)
    assert.matches("^%d%d%d%d%-%d%d%-%d%d", cost.table_version)
    local response = {usage = {input_tokens = 1200, output_tokens = 340, cache_read_input_tokens = 10000}}
    assert.equal("0.0195", tacho.calculate_cost("claude-opus-4-6", response, at).usd)
    local text = '{"usage": {"input_tokens": 1200, "output_tokens": 340, "cache_read_input_tokens": 10000}}'
    assert.equal("0.0195", tacho.calculate_cost("claude-opus-4-6", text, at).usd)
  end)

  it("does not know what it does not know", function()
    local cost = tacho.calculate_cost("no-such-model-1", {input = 5}, {provider = "nobody"})
    assert.is_nil(cost.usd)
    assert.equal("unknown", cost.state)
    local nothing, _, code = tacho.calculate_cost("claude-opus-4-6", "{]", at)
    assert.is_nil(nothing)
    assert.equal("DAMAGED", code)
    assert.has_error(function() tacho.calculate_cost("claude-opus-4-6", 1) end)
    assert.has_error(function() tacho.calculate_cost({}, {input = 1}) end)
    assert.has_error(function() tacho.calculate_cost("x", {input = 1}, {at = "then"}) end)
  end)

  it("records nothing", function()
    local c = fresh.collector()
    c:calculate_cost("claude-opus-4-6", {input = 1})
    assert.equal(0, c:summary().total_operations)
  end)
end)
