local fresh = require "fresh"
local tacho = require "tachograph"

describe("collector", function()
  it("does not share numbers with another one", function()
    local a, b = fresh.collector(), fresh.collector()
    a:record("x", 1)
    local outer <close> = a:agent "outer"
    b:step("y"):finish()
    assert.equal(1, b:summary().total_operations)
    assert.is_nil(fresh.records(b).y.parent_id)
    assert.is_nil(b:current().id)
    assert.equal(outer, a:current())
  end)

  it("refuses settings that hold themselves", function()
    local serve = {}
    serve.serve = serve
    assert.error_matches(function() tacho.collector {serve = serve} end, "nested more than")
  end)

  it("may be closed before an operation that has no series", function()
    local c = fresh.collector()
    local op = c:operation "\1"
    c:close()
    op:add_component("x", -1)
    op:tool_call("x", -1)
    op:finish()
  end)

  it("may be closed before its children", function()
    local c = fresh.collector()
    local op, run = c:operation "op", c:session "run"
    local tracked = c:track("tracked", function() return 1 end)
    tracked()
    local snapshot = c:snapshot()
    local co = coroutine.wrap(c:track("suspended", function() coroutine.yield() return 2 end))
    co()
    c:close()
    c:close()
    op:usage {input = 1}
    op:tool_call("x", 1)
    op:add_component("y", 1)
    op:finish()
    run:finish()
    assert.equal(1, tracked())
    assert.equal(2, co())
    assert.equal(1, snapshot:summary().total_operations)
    assert.is_false(c:enabled())
    c:record("late", 1)
    c:operation("late"):finish()
    c:session("late"):finish()
    assert.equal(0, c:summary().total_operations)
    op, run, tracked, snapshot, c = nil, nil, nil, nil, nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
  end)

  it("may be collected before its children", function()
    local op, tracked
    do
      local c = fresh.collector()
      op, tracked = c:operation "op", c:track("tracked", function() return 1 end)
    end
    collectgarbage()
    collectgarbage()
    op:finish()
    assert.equal("ok", op.outcome)
    assert.equal(1, tracked())
  end)

  it("has all functions of the module as methods", function()
    local c = fresh.collector()
    for name, value in pairs(tacho) do
      if type(value) == "function" and name ~= "collector" and name ~= "configure" and name ~= "load" then
        assert.equal("function", type(c[name]), name)
      end
    end
  end)

  it("says what is wrong with a configuration", function()
    local nothing, message, code = tacho.collector {windw = 3}
    assert.is_nil(nothing)
    assert.matches("windw", message)
    assert.equal("INVALID", code)
    assert.has_error(function() tacho.collector {window = {}, [1] = 2} end)
    assert.has_error(function() tacho.collector {window = print} end)
    assert.has_error(function() tacho.collector(1) end)
    assert.is_truthy(tacho.collector {session = "x", serve = {port = 9000}})
  end)

  it("returns what it ignores when it is strict", function()
    local c = fresh.collector {strict = true}
    local op = c:step "once"
    assert.is_true(op:finish())
    local nothing, message, code = op:finish()
    assert.is_nil(nothing)
    assert.equal("string", type(message))
    assert.equal("ENDED", code)
    op = fresh.collector():step "once"
    assert.is_true(op:finish())
    assert.is_true(op:finish())
    assert.same({nil, "INVALID"}, {(op:add_component("x", -1)), (select(3, op:add_component("x", -1)))})
  end)

  it("takes its session from the configuration", function()
    local c = fresh.collector {session = "configured"}
    c:record("x", 1)
    assert.equal("configured", fresh.records(c).x.session)
  end)
end)

describe("module", function()
  local lua = "lua5.4"

  -- Runs a program in a Lua of its own and returns what it prints.
  local function run(program, environment)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(program)
    file:close()
    local output = io.popen(("%s %s %s 2>&1"):format(environment or "", lua, path))
    local text = output:read "a"
    local ok, _, code = output:close()
    os.remove(path)
    return text, ok, code
  end

  it("sets no global and changes no library", function()
    local text = run [[
      local before, seen = {}, {}
      for name, value in pairs(_G) do before[name] = value end
      local create = coroutine.create
      local tacho = require "tachograph"
      for name, value in pairs(_G) do if before[name] ~= value then print(name) end end
      assert(create == coroutine.create)
      tacho.record("x", 1)
      for name, value in pairs(_G) do if before[name] ~= value then print(name) end end
      print(tacho.version)]]
    assert.matches("^%d+%.%d+%.%d+\n$", text)
  end)

  it("reads the environment at the first use, not at require", function()
    local text = run([[
      local tacho = require "tachograph"
      local function f() end
      print(tacho.enabled(), tacho.track("f", f) == f)]], "TACHO_ENABLED=off")
    assert.equal("false\ttrue\n", text)
  end)

  it("records in private memory where a folder is asked for that cannot be used", function()
    local text = run([[
      local tacho = require "tachograph"
      tacho.record("x", 1)
      print(#tacho.operations(), #tacho.collector({dir = "/nowhere/y"}):operations())
      print(select(2, tacho.collector {dir = "/nowhere/y", strict = true}))]], "TACHO_DIR=/nowhere/x")
    assert.matches("^1\t0\ndir '/nowhere/y' cannot be used %(there is no such folder, nor the one above it", text)
  end)

  it("tells settings that were skipped, when asked and as warnings", function()
    local text = run([[
      warn "@on"
      local tacho = require "tachograph"
      print(#tacho.problems(), tacho.problems()[1]:match "TACHO_WINDOW")]], "TACHO_WINDOW=wide")
    assert.matches("1\tTACHO_WINDOW", text)
    assert.matches("Lua warning: tachograph: TACHO_WINDOW", text)
  end)

  it("can be configured until something is recorded", function()
    local text = run [[
      local tacho = require "tachograph"
      local f = tacho.track("f", function() end)
      assert(tacho.configure {session = "mine"} == tacho.collector())
      f()
      print(tacho.summary("mine").total_operations)
      print(select(3, tacho.configure {session = "other"}))
      print(select(3, tacho.configure {nonsense = 1}))]]
    assert.equal("1\nBUSY\nBUSY\n", text)
  end)

  it("can be switched off and on at any time", function()
    local text = run [[
      local tacho = require "tachograph"
      local f = tacho.track("f", function() end)
      f()
      assert(tacho.configure {enabled = false} == tacho.collector())
      f()
      tacho.record("x", 1)
      print(tacho.enabled(), tacho.summary().total_operations)
      tacho.configure {enabled = true}
      f()
      print(tacho.enabled(), tacho.summary().total_operations)]]
    assert.equal("false\t1\ntrue\t2\n", text)
  end)

  it("reads its settings again when it is reset", function()
    local text = run [[
      local tacho = require "tachograph"
      assert(tacho.configure {session = "first"})
      local f = tacho.track("f", function() end)
      f()
      local op = tacho.step "in flight"
      assert(tacho.reset())
      op:finish()
      print(tacho.summary().total_operations, tacho.collector() == tacho.collector())
      f()
      print(tacho.summary("first").total_operations)]]
    assert.equal("1\ttrue\n2\n", text)
    local path = os.tmpname()
    text = run(([[
      local tacho = require "tachograph"
      local f = tacho.track("f", function() end)
      f()
      local file = io.open("%s", "w")
      file:write '{"session": "from a file"}'
      file:close()
      assert(tacho.reset())
      f()
      print(tacho.summary("from a file").total_operations)]]):format(path), "TACHO_CONFIG=" .. path)
    os.remove(path)
    assert.equal("1\n", text)
  end)

  it("survives the end of its state with everything open", function()
    local text, ok = run [[
      local tacho = require "tachograph"
      keep = {tacho.operation "a", tacho.session "b", tacho.agent("c"):component "d"}
      co = coroutine.wrap(tacho.track("e", function() local op <close> = tacho.step "f" coroutine.yield() end))
      co()
      tacho.track("g", function() local op <close> = tacho.step "h" os.exit(0, true) end)()]]
    assert.equal("", text)
    assert.is_true(ok)
  end)

  it("can be used by finalizers, also by those that run after its own", function()
    local text, ok = run [[
      local use
      local before = setmetatable({}, {__gc = function() use() end})
      local tacho = require "tachograph"
      local tracked = tacho.track("tracked", function() return tacho.current() end)
      local co = coroutine.wrap(tracked)
      function use()
        tracked():usage {input = 1}
        local op <close> = tacho.step "s"
        op:usage {usage = {input_tokens = 1}}
        op:tool_call("x", 1)
        tacho.record("r", 1, {usage = {prompt_tokens = 1}})
        tacho.session("in a finalizer"):finish()
        pcall(co)
        tostring(tacho.summary())
      end
      use()
      setmetatable({}, {__gc = use})
      collectgarbage()
      setmetatable({}, {__gc = use})
      print(tacho.summary().total_steps, before ~= nil)]]
    assert.equal("2\ttrue\n", text)
    assert.is_true(ok)
  end)

  it("reports an uncaught error with the traceback of its place", function()
    local text, ok = run [[
      local tacho = require "tachograph"
      local function inner() error "found me" end
      tacho.track("f", function() inner() end)()]]
    assert.is_nil(ok)
    assert.matches("found me", text)
    assert.matches("in upvalue 'inner'", text)
  end)

  it("works without the coroutine library", function()
    local text = run [[
      coroutine = nil
      package.loaded.coroutine = nil
      local tacho = require "tachograph"
      tacho.step("x"):finish()
      print(tacho.summary().total_steps)]]
    assert.equal("1\n", text)
  end)
end)
