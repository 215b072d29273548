local fresh = require "fresh"
local tacho = require "tachograph"

describe("track", function()
  local c
  before_each(function() c = fresh.collector() end)

  local function row(name) return fresh.row(c:operations(), "operation", name) end

  it("passes any number of arguments and results", function()
    local function echo(...) return ... end
    local tracked = c:track("echo", echo)
    assert.same(0, select("#", tracked()))
    assert.same({n = 3}, table.pack(tracked(nil, nil, nil)))
    local many = {}
    for i = 1, 200 do many[i] = i end
    assert.same(many, {tracked(table.unpack(many))})
    assert.equal(3, row("echo").calls)
  end)

  it("counts and times calls", function()
    local tracked = c:track("work", function()
      local stop = os.clock() + 0.01
      while os.clock() < stop do end
    end, {kind = "step"})
    for _ = 1, 5 do tracked() end
    local work = row("work")
    assert.equal(5, work.calls)
    assert.equal(5, work.ok)
    assert.equal("step", work.kind)
    assert.is_true(work.min_seconds >= 0.01)
    assert.is_true(work.total_seconds >= 5 * work.min_seconds)
  end)

  it("raises the very error that was raised", function()
    local problem = setmetatable({}, {__tostring = function() return "never read" end})
    local tracked = c:track("bad", function() error(problem) end)
    local ok, caught = pcall(tracked)
    assert.is_false(ok)
    assert.is_true(rawequal(problem, caught))
    assert.equal(1, row("bad").errors)
    assert.equal(1, row("bad").error)
  end)

  it("keeps the traceback of the place that raised", function()
    local function deep() error "here" end
    local function middle() deep() end
    local tracked = c:track("traced", middle)
    local _, trace = xpcall(function() tracked() end, debug.traceback)
    assert.matches("in upvalue 'deep'", trace)
    assert.matches("test_track.lua:%d+: here", trace)
  end)

  it("records error(nil) as a failure", function()
    local tracked = c:track("nothing", function() error(nil) end)
    assert.is_false((pcall(tracked)))
    assert.equal(0, row("nothing").ok)
    assert.equal(1, row("nothing").calls)
  end)

  it("classifies error objects by class, code and status, never by message", function()
    local function raise(problem) return pcall(c:track("classes", function() error(problem) end)) end
    raise(setmetatable({}, {__name = "TimeoutError"}))
    raise {status = 429}
    raise {code = "context_length_exceeded"}
    raise "TimeoutError: a text tells nothing"
    local classes = row("classes")
    assert.equal(1, classes.timeout)
    assert.equal(3, classes.error)
    local categories = {}
    for _, record in ipairs(c:records()) do categories[record.error_category or ""] = true end
    assert.is_true(categories.rate_limit)
    assert.is_true(categories.context_length)
    assert.is_true(categories.timeout)
  end)

  it("lets the function yield and come back", function()
    local tracked = c:track("yielding", function(a)
      local b = coroutine.yield(a + 1)
      local d, e = coroutine.yield(b + 1)
      return d, e, "end"
    end)
    local co = coroutine.create(tracked)
    assert.same({true, 2}, {coroutine.resume(co, 1)})
    assert.same({true, 11}, {coroutine.resume(co, 10)})
    assert.same({true, "x", "y", "end"}, {coroutine.resume(co, "x", "y")})
    assert.equal(1, row("yielding").ok)
  end)

  it("keeps interleaved coroutines apart", function()
    local inner = c:track("inner", function() coroutine.yield() end)
    local outer = c:track("outer", function() inner() coroutine.yield() inner() end)
    local running = {}
    for i = 1, 10 do running[i] = coroutine.wrap(outer) end
    for _ = 1, 4 do
      for i = 1, 10 do running[i]() end
    end
    assert.equal(20, row("inner").ok)
    assert.equal(10, row("outer").ok)
    local outers = {}
    for _, record in ipairs(c:records()) do
      if record.operation == "outer" then outers[record.id] = 0 end
    end
    for _, record in ipairs(c:records()) do
      if record.operation == "inner" then outers[record.parent_id] = outers[record.parent_id] + 1 end
    end
    for _, children in pairs(outers) do assert.equal(2, children) end
  end)

  it("records what a coroutine leaves open", function()
    local tracked = c:track("left", function() coroutine.yield() end)
    local closed = coroutine.create(tracked)
    coroutine.resume(closed)
    coroutine.close(closed)
    assert.equal(1, row("left").aborted)
    local forgotten = coroutine.create(tracked)
    coroutine.resume(forgotten)
    forgotten = nil -- luacheck: ignore
    c:current() -- the module keeps the coroutine that used it last
    collectgarbage()
    collectgarbage()
    assert.equal(2, row("left").aborted)
  end)

  it("records an error that ends its coroutine", function()
    local tracked = c:track("dying", function() coroutine.yield() error {status = 503} end)
    local co = coroutine.create(tracked)
    coroutine.resume(co)
    local ok, problem = coroutine.resume(co)
    assert.is_false(ok)
    assert.equal(503, problem.status)
    assert.equal(1, row("dying").error)
    assert.is_false((coroutine.close(co)))
    assert.equal(1, row("dying").calls)
    assert.has_error(coroutine.wrap(tracked) and function()
      local step = coroutine.wrap(tracked)
      step()
      step()
    end)
    assert.equal(2, row("dying").error)
  end)

  it("nests", function()
    local tool = c:track("lookup", function() end, {kind = "tool"})
    local leaf = c:track("leaf", function() tool() end, {nest = false})
    local agent = c:track("run", function() tool() leaf() end, {kind = "agent"})
    agent()
    local run
    for _, record in ipairs(c:records()) do run = record.operation == "run" and record or run end
    local children = 0
    for _, record in ipairs(c:records()) do
      if record.operation ~= "run" then
        assert.equal(run.id, record.parent_id)
        children = children + 1
      end
    end
    assert.equal(3, children)
  end)

  it("recurses as deep as Lua lets C functions recurse", function()
    local count
    count = c:track("deep", function(n) return n == 0 and 0 or 1 + count(n - 1) end)
    assert.equal(150, count(150))
    assert.equal(151, row("deep").calls)
    assert.is_false((pcall(count, 100000)))
    assert.equal(150, count(150))
  end)

  it("reads usage off the results", function()
    local opus = {kind = "llm", provider = "anthropic", model = "claude-opus-4-6",
      usage = function(response, extra) assert(extra == "x") return response end}
    local ask = c:track("ask", function() return {usage = {input_tokens = 100, output_tokens = 20}}, "x" end, opus)
    ask()
    assert.equal(100, row("ask").input_tokens)
    assert.equal("0.001", row("ask").cost_usd)
    local broken = c:track("broken", function() return 1 end, {usage = function() error "no" end})
    assert.equal(1, broken())
    assert.equal(1, row("broken").ok)
    local function misuse() c:track("broken", print, {usage = 5}) end
    assert.has_error(misuse, "option 'usage': function expected, got number")
  end)

  it("gives the function itself back when recording is off", function()
    local function f() end
    assert.equal(f, fresh.collector({enabled = false}):track("f", f))
  end)

  it("takes callable objects", function()
    local tracked = c:track("callable", setmetatable({}, {__call = function(_, a) return a end}))
    assert.equal(7, tracked(7))
    assert.equal(1, row("callable").calls)
  end)

  it("refuses wrong use when wrapping", function()
    local function f() end
    assert.has_error(function() c:track(f) end)
    assert.has_error(function() c:track("x") end)
    assert.has_error(function() c:track("x", 1) end)
    assert.has_error(function() c:track("x", f, {kind = "no such kind"}) end)
    assert.has_error(function() c:track("x", f, {knid = "tool"}) end)
    assert.has_error(function() c:track("x", f, "tool") end)
    local _, message = pcall(tacho.track, "x", 1)
    assert.matches("bad argument #2", message)
    _, message = pcall(function() return c:track("x", 1) end)
    assert.matches("bad argument #2", message)
  end)

  it("leaves no trace in the stack of its caller", function()
    local tracked = c:track("clean", function(...) return ... end)
    local a, b, d = 1, tracked(2, 3), 4
    assert.same({1, 2, 4}, {a, b, d})
    assert.same({2, 3}, {(function() return tracked(2, 3) end)()})
  end)
end)
