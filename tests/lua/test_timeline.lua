local tacho = require "tachograph"

describe("timeline", function()
  local collector

  before_each(function()
    collector = tacho.collector {session = "test"}
  end)

  after_each(function()
    collector:close()
  end)

  local function sum(points)
    local n = 0
    for _, point in ipairs(points) do n = n + point.n end
    return n
  end

  it("tells what was recorded before the first call", function()
    collector:record("answer", 0.5, {kind = "llm", cost = "0.25"})
    collector:record("look", 0.1, {kind = "tool"})
    local points = assert(collector:timeline("calls", "10m"))
    assert.equal(61, #points)
    assert.equal(2, sum(points))
    assert.equal(1, sum(collector:timeline('calls{kind="tool"}', "10m")))
    assert.is_false(points[61].complete)
    assert.is_nil(points[1].value)
    assert.equal(points[2].start, points[1]["end"])
  end)

  it("gives money as decimal text", function()
    collector:record("answer", 0.5, {kind = "llm", cost = "0.25"})
    local points = collector:timeline("cost", "1m", "1m")
    local found
    for _, point in ipairs(points) do
      if point.n > 0 then found = point.value end
    end
    assert.equal("0.25", found)
  end)

  it("says what is wrong with a question", function()
    local points, message, code = collector:timeline("what", "1h")
    assert.is_nil(points)
    assert.matches("column 1", message)
    assert.equal("INVALID", code)
    assert.has_error(function() collector:timeline(7) end)
  end)

  it("is a function of the module, and flush waits for it", function()
    tacho.record_step("plan", 1)
    assert.is_true(sum(tacho.timeline("calls", "1m", "1m")) >= 1)
    assert.is_true(tacho.flush())
    assert.is_true(collector:flush(0.5))
  end)
end)
