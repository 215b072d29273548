local fresh = require "fresh"

-- What is wrong in a call: wrong types raise, wrong values are counted and told as nil, message, code.
describe("a wrong report", function()
  local nan = 0 / 0
  local wrong = {
    ["a negative count"] = {function(op) return op:usage {input = -3} end, "usage_fault"},
    ["a count that is no number"] = {function(op) return op:usage {input = nan} end, "usage_fault"},
    ["a count too large"] = {function(op) return op:usage {input = 1 << 60} end, "usage_fault"},
  }
  for name, case in pairs(wrong) do
    it(("is told and counted: %s"):format(name), function()
      local collector = fresh.collector()
      local op = collector:llm "x"
      local done, message, code = case[1](op)
      op:finish()
      assert.is_nil(done)
      assert.is_string(message)
      assert.equal("INVALID", code)
      assert.equal(1, collector:summary().data_quality.drops[case[2]])
    end)
  end

  it("raises where the type is wrong", function()
    local op = fresh.collector():llm "x"
    assert.has_error(function() op:usage(5) end)
    assert.has_error(function() op:usage({input = 3}, "nobody's") end)
    assert.has_error(function() op:model {} end)
    assert.has_error(function() op:warn {} end)
    assert.has_error(function() op:context(-1) end)
    assert.has_error(function() op:context(1, {limit = -1}) end)
    op:finish()
  end)

  it("of a trace is counted, or raises in strict mode", function()
    local lenient, strict = fresh.collector(), fresh.collector {strict = true}
    lenient:operation("x", {traceparent = "junk"}):finish()
    assert.same({traceparent_invalid = 1}, lenient:summary().data_quality.drops)
    assert.has_error(function() strict:operation("x", {traceparent = "junk"}) end)
  end)

  it("of a finished operation is told, and the rest is recorded", function()
    local collector = fresh.collector()
    local done, _, code = collector:record("x", 1, {usage = {input = -3, output = 5}})
    assert.is_nil(done)
    assert.equal("INVALID", code)
    assert.equal(5, collector:operations()[1].output_tokens)
  end)
end)
