local fresh = require "fresh"

-- Who is inside whom when coroutines come into play (semantics 7).
describe("coroutines", function()
  local c
  before_each(function() c = fresh.collector() end)

  local function leaf(name)
    c:step(name):finish()
  end

  local function parent_of(name)
    local ids = {}
    for _, record in ipairs(c:records()) do ids[record.id] = record.operation end
    return ids[fresh.records(c)[name].parent_id]
  end

  it("inherit what was open where they were made, not where they run", function()
    local a = c:agent "a"
    local co = coroutine.create(function() leaf "in a" end)
    local wrapped = coroutine.wrap(function() leaf "wrapped in a" end)
    a:finish()
    local b <close> = c:agent "b"
    coroutine.resume(co)
    wrapped()
    leaf "in b"
    b:finish()
    assert.equal("a", parent_of "in a")
    assert.equal("a", parent_of "wrapped in a")
    assert.equal("b", parent_of "in b")
  end)

  it("inherit a tracked call", function()
    local co
    c:track("maker", function() co = coroutine.create(function() leaf "made" c:current():warn() end) end)()
    coroutine.resume(co)
    assert.equal("maker", parent_of "made")
  end)

  it("inherit a session, and lose it when it ends", function()
    local first, second
    do
      local run <close> = c:session "run"
      first = coroutine.create(function() leaf "inside" coroutine.yield() leaf "after" end)
      second = coroutine.wrap(function() leaf "second" end)
      coroutine.resume(first)
      second()
      assert.equal("run", run.id)
    end
    coroutine.resume(first)
    local records = fresh.records(c)
    assert.equal("run", records.inside.session)
    assert.equal("run", records.second.session)
    assert.not_equal("run", records.after.session)
  end)

  it("inherit nothing where nothing is open", function()
    local co = coroutine.create(function() leaf "free" end)
    local op <close> = c:agent "later"
    op:finish()
    coroutine.resume(co)
    assert.is_nil(parent_of "free")
  end)

  it("inherit over generations", function()
    local op <close> = c:agent "grandparent"
    coroutine.wrap(function()
      coroutine.wrap(function()
        coroutine.wrap(function() leaf "deep" end)()
      end)()
    end)()
    op:finish()
    assert.equal("grandparent", parent_of "deep")
  end)

  it("have stacks of their own", function()
    local function run(name)
      return coroutine.wrap(function()
        local op <close> = c:agent(name)
        for i = 1, 3 do
          leaf(name .. i)
          coroutine.yield()
        end
        op:finish()
      end)
    end
    local x, y = run "x", run "y"
    for _ = 1, 4 do x() y() end
    for i = 1, 3 do
      assert.equal("x", parent_of("x" .. i))
      assert.equal("y", parent_of("y" .. i))
    end
    assert.is_nil(parent_of "x")
  end)

  it("may end what another one began", function()
    local op = c:agent "handed over"
    coroutine.wrap(function() op:finish() end)()
    assert.is_nil(c:current().id)
    assert.equal(1, fresh.row(c:operations(), "operation", "handed over").ok)
  end)

  it("come and go without a trace", function()
    local op = c:agent "busy"
    local tracked = c:track("work", function() coroutine.yield() end)
    collectgarbage()
    local function round()
      for _ = 1, 1000 do
        local co = coroutine.create(tracked)
        coroutine.resume(co)
        coroutine.resume(co)
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    round()
    local before = round()
    for _ = 1, 5 do round() end
    op:finish()
    assert.is_true(collectgarbage "count" - before < 64)
    assert.equal(7000, fresh.row(c:operations(), "operation", "work").ok)
  end)

  it("are made as before", function()
    c:step("extends"):finish()
    assert.has_error(function() coroutine.create(1) end)
    assert.has_error(function() coroutine.wrap() end)
    assert.equal("thread", type(coroutine.create(print)))
    assert.equal("function", type(coroutine.wrap(print)))
    local _, message = pcall(coroutine.create)
    assert.matches("function expected", message)
  end)
end)
